"""An exported chat template gives the prompt of training, and takes the language as the server does."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from test_prompts import CHAT, MARKED, NO_SYSTEM_CHAT, byte_tokenizer, marked_tokenizer
from transformers import AutoTokenizer

from moesaic.data.chat_template import go_template, jinja_template
from moesaic.data.prompts import PromptFormat
from moesaic.languages import LANGUAGES
from moesaic.serve.prompting import ask_chat
from moesaic.serve.protocol import Message
from pico import pico_tokenizer

# What SmolLM2's does: a system turn of its own, unless one is there.
INTRODUCED = (
    "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nYou are \"helpful\"\\.<|im_end|>\n{% endif %}" + MARKED
)
MODEL = ("java", "python")
TEXTS = [
    "Sum of a list",
    "Sort a list in Java",
    "Sort a list in JavaScript.",
    "Write a C++ program that sorts",
    "Write it in C, please",
    "a c# class for points",
    "Translate this Python program into Java",
    "convert the Java method to python",
    "using js",
    "Python: print hello",
    "Delete a node of a linked list",
    "Vitamin C and plan B",
    "read main.py and data.js.map",
    "Strings that start with c",
    "in plain Go: read\ntwo numbers",
    "TypeScript!",
    "What does this do?\n```ruby\nputs 1\n```",
    "From ```java\nint i;\n``` to\n```php\n$i;\n```",
    '  "quotes" & <tags> {{ braces }} \\n \N{SNOWMAN}  ',
]


def tokenizers():
    return {
        "marked": marked_tokenizer(),
        "introduced": marked_tokenizer(INTRODUCED),
        "pico": pico_tokenizer(),
        "default system turn": byte_tokenizer(CHAT),
        "no system turn": byte_tokenizer(NO_SYSTEM_CHAT),
        "none": byte_tokenizer(),
        "none, with BOS": byte_tokenizer(prepend_bos=True),
    }


KINDS = list(tokenizers())


@pytest.fixture(params=KINDS)
def tokenizer(request):
    return tokenizers()[request.param]


def exported(tokenizer, folder):
    """The tokenizer as an export has it."""
    template = jinja_template(PromptFormat(tokenizer).frame, MODEL)
    tokenizer.save_pretrained(folder)
    (folder / "chat_template.jinja").write_text(template)
    return AutoTokenizer.from_pretrained(folder)


def asked(tokenizer, messages, **options):
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **options)
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def user(text):
    return [{"role": "user", "content": text}]


@pytest.mark.parametrize("text", TEXTS)
def test_a_plain_user_message_is_asked_as_the_server_asks_it(tokenizer, text, tmp_path):
    ours = ask_chat(PromptFormat(tokenizer), [Message(role="user", content=text)], None, MODEL)
    assert asked(exported(tokenizer, tmp_path), user(text)) == ours.ids


def test_a_request_names_the_language(tokenizer, tmp_path):
    theirs = exported(tokenizer, tmp_path)
    prompts = PromptFormat(tokenizer)
    for row in LANGUAGES.values():
        for name in (row.name, row.title, *row.aliases):
            found = asked(theirs, user("Sort a list in Java"), language=name)
            assert found == prompts.prompt_ids("Sort a list in Java", row.name)
    with pytest.raises(Exception, match="language is not known: allowed: python, java"):
        asked(theirs, user("Sort"), language="cobol")


def test_what_was_said_before_is_told_in_front(tokenizer, tmp_path):
    messages = [
        {"role": "system", "content": " Be brief. "},
        {"role": "user", "content": "Sort a list in C++"},
        {"role": "assistant", "content": "```cpp\nint main() {}\n```"},
        {"role": "user", "content": "now the other way round"},
    ]
    ours = ask_chat(PromptFormat(tokenizer), [Message(**message) for message in messages], None, MODEL)
    assert ours.language == "cpp"
    assert asked(exported(tokenizer, tmp_path), messages) == ours.ids


def test_an_answer_is_rendered_as_it_is_trained(tokenizer, tmp_path):
    theirs = exported(tokenizer, tmp_path)
    prompts = PromptFormat(tokenizer)
    for given in ("int i;\n```", "```java\nint i;\n```"):
        messages = [*user("Add in Java"), {"role": "assistant", "content": given}]
        text = theirs.apply_chat_template(messages, tokenize=False)
        expected = prompts.prompt_text("Add in Java", "java") + "int i;\n```"
        assert expected in text
        end = theirs(text, add_special_tokens=False)["input_ids"]
        assert prompts.stop_ids[0] in end[len(asked(theirs, user("Add in Java"))) :]
    without = theirs.apply_chat_template(user("Add in Java"), tokenize=False)
    frame = prompts.frame
    assert without == f"{frame.before}Write a Java program.\n\nAdd in Java{frame.after}"


def test_moesaic_reads_its_own_template_as_the_base_s(tokenizer, tmp_path):
    ours, again = PromptFormat(tokenizer), PromptFormat(exported(tokenizer, tmp_path))
    for text, language in (("Sum in Java", "python"), ("x <|im_end|> y", "cpp")):
        assert again.prompt_ids(text, language) == ours.prompt_ids(text, language)
    assert again.stop_ids == ours.stop_ids
    assert jinja_template(again.frame, MODEL) == jinja_template(ours.frame, MODEL)


def test_only_plain_text_is_taken(tmp_path):
    theirs = exported(marked_tokenizer(), tmp_path)
    with pytest.raises(Exception, match="plain text"):
        asked(theirs, user([{"type": "image", "url": "x"}]))


GO = """
package main

import ("encoding/json"; "fmt"; "os"; "text/template")

type Message struct { Role, Content string }
type Values struct { System string; Messages []Message }

func main() {
    text, _ := os.ReadFile(os.Args[1])
    parsed := template.Must(template.New("").Parse(string(text)))
    var cases []Values
    if err := json.Unmarshal([]byte(os.Args[2]), &cases); err != nil { panic(err) }
    for _, each := range cases {
        if err := parsed.Execute(os.Stdout, each); err != nil { panic(err) }
        fmt.Print("\\x00")
    }
}
"""


@pytest.mark.toolchain
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("go") is None, reason="no Go: its text/template is what Ollama's templates run in")
def test_ollama_s_template_gives_the_prompt_too(tmp_path: Path):
    (tmp_path / "main.go").write_text(GO)
    build = ["go", "build", "-o", str(tmp_path / "render"), str(tmp_path / "main.go")]
    environment = {
        "HOME": str(tmp_path),
        "PATH": "/usr/bin:/bin:/usr/local/bin",
        "GOFLAGS": "-mod=mod",
        "GOPROXY": "off",
    }
    subprocess.run(build, check=True, env=environment)
    task = 'Sum of "a" & <b>'
    cases = [
        ("", user(task), "java", task),
        *((name, user(task), "cpp", task) for name in ("cpp", "C++", "c++")),
        ("Be brief.", user(task), "java", f"Be brief.\n\n{task}"),
        (
            "python",
            [*user("Sort"), {"role": "assistant", "content": "x"}, *user(task)],
            "python",
            f"Sort\n\nx\n\n{task}",
        ),
    ]
    given = []
    for system, messages, _, _ in cases:
        first = [{"role": "system", "content": system}] if system else []
        given.append({"System": system, "Messages": [*first, *messages]})
    for name, tokenizer in tokenizers().items():
        prompts = PromptFormat(tokenizer)
        (tmp_path / "template").write_text(go_template(prompts.frame, MODEL))
        shown = subprocess.run(
            [str(tmp_path / "render"), str(tmp_path / "template"), json.dumps(given)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split("\x00")
        start = "<s>" if name == "none, with BOS" else ""
        assert shown[:-1] == [start + prompts.prompt_text(text, language) for _, _, language, text in cases]
