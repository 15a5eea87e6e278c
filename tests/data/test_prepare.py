import json
from collections import Counter
from types import SimpleNamespace

import pytest

from moesaic.data.examples import SPLITS, read_examples
from moesaic.data.formatting import format_source
from moesaic.data.prepare import LEFT_OUT, prepare
from moesaic.errors import DataError


def options(source, languages=("python", "javascript"), **changes):
    defaults = {
        "extra": (),
        "max_tokens": 1000,
        "train_limit": None,
        "validation_limit": None,
        "test_limit": None,
        "validation_fraction": 0.1,
        "test_fraction": 0.1,
    }
    return SimpleNamespace(source=str(source), languages=languages, fields={}, **{**defaults, **changes})


def python(number):
    head = f"def f{number} ( x ) : NEW_LINE INDENT y = x * {number} NEW_LINE return y + {number} NEW_LINE DEDENT"
    return f"{head} print ( f{number} ( 2 ) ) NEW_LINE"


def javascript(number):
    head = f"function f{number} ( x ) {{ let y = x * {number} ; return y + {number} ; }}"
    return f"{head} document . write ( f{number} ( 2 ) ) ;"


PROGRAMS = {
    "python": {
        "train": [
            ("1", "Sum | Python3 program for the above approach ; Driver 's code", python(1)),
            ("2", "Broken", "def f ( : NEW_LINE"),
            ("3", "Again", python(1)),
            ("20", "In test by id", python(3)),
            ("4", "Title of test", python(4)),
            ("5", "Long", python(5).replace("print", "long_name_of_a_function")),
            ("6", "Good", python(6)),
            ("7", "Good too", python(7)),
        ],
        "validation": [("10", "Valid", python(10))],
        "test": [("20", "Test", python(20)), ("21", "Title of test", python(21))],
    },
    "javascript": {
        "train": [
            ("1", "Sum", javascript(1)),
            ("8", "Blank", 'function f ( s ) { return s == " " ; }'),
            ("9", "Or", "function f ( x ) { if ( x == 0 x == 1 ) { return 1 ; } }"),
        ],
        "validation": [("10", "Valid", javascript(10))],
        "test": [("20", "Test", javascript(20))],
    },
}


@pytest.fixture
def source(tmp_path):
    for language, splits in PROGRAMS.items():
        for split, rows in splits.items():
            path = tmp_path / "source" / language / f"{split}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(
                "".join(json.dumps(dict(zip(("id", "text", "code"), row, strict=True))) + "\n" for row in rows)
            )
    return tmp_path / "source"


def count_tokens(example):
    return 2000 if "long_name" in example.code else len(example.code.split())


def test_every_example_is_kept_or_counted(source, tmp_path):
    report = prepare(options(source, train_limit=2), tmp_path / "data", count_tokens, workers=1)
    train = report.languages["python"]["train"]
    assert {reason: count for reason, count in train.left_out.items() if count} == {
        "does_not_parse": 1,
        "duplicate": 1,
        "leaked": 2,
        "too_long": 1,
        "over_limit": 1,
    }
    assert (train.read, train.kept) == (8, 2)
    left_out = report.languages["javascript"]["train"].left_out
    assert {reason: count for reason, count in left_out.items() if count} == {"lost_operator": 1, "blank_strings": 1}
    for splits in report.languages.values():
        for split in splits.values():
            assert split.read == split.kept + sum(split.left_out.values())
            assert set(split.left_out) == set(LEFT_OUT)


def test_shares_and_tokens(source, tmp_path):
    train = prepare(options(source), tmp_path / "data", count_tokens, workers=1).languages["python"]["train"]
    assert (train.parse_share_raw, train.parse_share_restored, train.parse_share_kept) == (0.0, 0.875, 1.0)
    kept = read_examples(tmp_path / "data" / "python" / "train.jsonl")
    assert train.tokens == sum(map(count_tokens, kept))


def test_programs_and_texts_are_restored(source, tmp_path):
    prepare(options(source), tmp_path / "data", workers=1)
    first = read_examples(tmp_path / "data" / "python" / "train.jsonl")[0]
    assert first.text == "Sum | Driver's code"
    assert first.code == "def f1(x):\n    y = x * 1\n    return y + 1\n\n\nprint(f1(2))\n"
    assert (first.id, first.language) == ("1", "python")


def test_ordinary_source_keeps_its_text_and_its_blank_strings(tmp_path):
    for split in SPLITS:
        path = tmp_path / "source" / "javascript" / f"{split}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        record = {"id": split, "text": f"Say ( {split} ) 's", "code": f'let {split} = " ";\nconsole.log({split});\n'}
        path.write_text(json.dumps(record) + "\n")
    prepare(options(tmp_path / "source", ("javascript",)), tmp_path / "data", workers=1)
    (example,) = read_examples(tmp_path / "data" / "javascript" / "test.jsonl")
    assert example.text == "Say ( test ) 's"
    assert example.code == 'let test = " ";\nconsole.log(test);\n'


def test_the_report_is_stored_and_summed_up(source, tmp_path):
    report = prepare(options(source), tmp_path / "data", count_tokens, workers=1)
    stored = json.loads((tmp_path / "data" / "report.json").read_text())
    assert stored["source"] == str(source)
    assert stored["languages"]["javascript"]["train"]["kept"] == 1
    lines = report.summary().split("\n")
    assert lines[0] == (
        "python: train 3 of 8, validation 1 of 1, test 2 of 2; "
        "left out: does not parse 1, duplicate 1, leaked 2, too long 1"
    )
    assert lines[1].endswith("lost operator 1, blank strings 1")


def test_the_same_source_gives_the_same_bytes(source, tmp_path):
    for name in ("one", "two"):
        prepare(options(source), tmp_path / name, count_tokens, workers=1)
    files = [
        sorted(path.relative_to(tmp_path / name) for path in (tmp_path / name).rglob("*.jsonl"))
        for name in ("one", "two")
    ]
    assert files[0] == files[1]
    assert all((tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes() for path in files[0])


def test_a_split_with_nothing_left_is_refused(source, tmp_path):
    with pytest.raises(
        DataError, match=r"of python: its \d examples were left out \(.*too long 4.*\); .*data\.max_tokens"
    ):
        prepare(options(source, max_tokens=1), tmp_path / "data", count_tokens, workers=1)


def test_the_embedded_corpus_is_kept_whole(tmp_path):
    languages = ("python", "java", "javascript", "cpp")
    report = prepare(options("corpus", languages), tmp_path / "data", workers=2)
    for splits in report.languages.values():
        for split in splits.values():
            assert split.kept == split.read
            assert split.parse_share_kept == 1.0
    assert all(example.tests for example in read_examples(tmp_path / "data" / "java" / "test.jsonl"))


def add_extra(folder, rows, language="python"):
    folder.mkdir(exist_ok=True)
    lines = [json.dumps(dict(zip(("id", "text", "code"), row, strict=True))) + "\n" for row in rows]
    (folder / f"{language}.jsonl").write_text("".join(lines))
    return str(folder)


def plain(number):
    return f"def g{number}(x):\n    z = x - {number}\n    return z * {number} + x\n"


def test_further_sources_join_training_behind_the_main_one_and_change_nothing_else(source, tmp_path):
    alone = prepare(options(source, train_limit=2), tmp_path / "alone", count_tokens, workers=1)
    rows = [
        ("x1", "New", plain(1)),
        ("x2", "New again", plain(1)),
        ("x3", "Repeats the main source", python(6)),
        ("20", "In test by id", plain(2)),
        ("x4", "Title of test", plain(3)),
        ("x5", "Nearly a test program", python(21)),
        ("x6", "Broken", "def f(:"),
        ("x7", "Long", plain(4).replace("z", "long_name_of_a_variable")),
        ("x8", "New, too", plain(5)),
    ]
    extra = add_extra(tmp_path / "extra", rows)
    mixed = prepare(options(source, train_limit=2, extra=(extra,)), tmp_path / "mixed", count_tokens, workers=1)
    assert mixed.languages == alone.languages
    for language, split in ((language, split) for language in PROGRAMS for split in SPLITS):
        files = [tmp_path / name / language / f"{split}.jsonl" for name in ("alone", "mixed")]
        if (language, split) != ("python", "train"):
            assert files[0].read_bytes() == files[1].read_bytes()
        else:
            assert files[1].read_bytes().startswith(files[0].read_bytes())
            assert [example.id for example in read_examples(files[1])[2:]] == ["x1", "x8"]
    (part,) = mixed.extra[extra].values()
    assert (part.read, part.kept) == (9, 2)
    assert {reason: count for reason, count in part.left_out.items() if count} == {
        "does_not_parse": 1,
        "duplicate": 2,
        "leaked": 3,
        "too_long": 1,
    }
    assert mixed.summary().split("\n")[2] == (
        f"python, {extra}: train 2 of 9; left out: does not parse 1, duplicate 2, leaked 3, too long 1"
    )
    assert json.loads((tmp_path / "mixed" / "report.json").read_text())["extra"][extra]["python"]["kept"] == 2


def test_solutions_of_mbxp_become_completions_of_their_formatted_signature(source, tmp_path):
    records = [
        {
            "task_id": f"MBPP/{number}",
            "language": "python",
            "description": f"Adds {number}.",
            "prompt": f'\n\ndef add(x,y):\n\t"""\n\tAdds {number}.\n\t"""\n',
            "canonical_solution": f"\treturn {body}",
        }
        for number, body in ((7, "x+y*7"), (8, "x+"), (10, "x"), (11, "y+x*11 - 1"))
    ]
    (tmp_path / "mbpp.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    name = f"mbxp:{tmp_path / 'mbpp.jsonl'}"
    report = prepare(options(source, extra=(name,)), tmp_path / "data", workers=1)
    *_, first, second = read_examples(tmp_path / "data" / "python" / "train.jsonl")
    assert (first.id, first.opening) == ("mbxp/7", 'def add(x, y):\n    """\n    Adds 7.\n    """\n')
    assert first.code == first.opening + "    return x + y * 7\n"
    assert second.id == "mbxp/11"
    part = report.extra[name]["python"]
    assert (part.read, part.kept, part.left_out["held_out"], part.left_out["does_not_parse"]) == (4, 2, 1, 1)


def test_a_program_that_its_formatter_would_change_keeps_its_layout(source, tmp_path):
    loop = "    for (let i = 1; i <= n; i++) {\n        a[i] = [0]\n    }\n"
    code = "function f(n) {\n    let a = [[0]]\n" + loop + "    return a\n}\n"
    assert format_source(code, "javascript") == code
    extra = add_extra(tmp_path / "extra", [("x", "No semicolons", code)], "javascript")
    prepare(options(source, extra=(extra,)), tmp_path / "data", workers=1)
    assert read_examples(tmp_path / "data" / "javascript" / "train.jsonl")[-1].code == code


def own(tmp_path, rows, language="python", name="own"):
    """A folder with one file of JSON Lines, and rows enough for every split."""
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    more = [{"id": f"p{number}", "text": f"Task {number}", "code": plain(number)} for number in range(30)]
    if language == "javascript":
        more = [row | {"code": f"const f{n} = x => x * {n * n}\nf{n}({[n] * (n % 7)})\n"} for n, row in enumerate(more)]
    lines = [json.dumps(row) + "\n" for row in [*more, *rows]]
    (folder / f"{language}.jsonl").write_text("\ufeff" + "".join(lines), encoding="utf-8")
    return options(folder, (language,), validation_fraction=0.2, test_fraction=0.2)


def written(folder, id_):
    lines = [line for path in folder.rglob("*.jsonl") for line in path.read_text(encoding="utf-8").split("\n") if line]
    return next((record for record in map(json.loads, lines) if record["id"] == id_), None)


def left_out(report, language="python"):
    counts = Counter()
    for split in report.languages[language].values():
        counts.update({reason: count for reason, count in split.left_out.items() if count})
    return dict(counts)


UGLY = "def  odd( a,b ):\n        return a+b  # kept"


def test_own_programs_keep_their_layout_unless_told_otherwise(tmp_path):
    rows = [{"id": "ugly", "text": "T", "code": "\ufeff\n" + UGLY.replace("\n", "\r\n") + " \n\n"}]
    prepare(own(tmp_path, rows), tmp_path / "data", workers=1)
    assert written(tmp_path / "data", "ugly")["code"] == UGLY + "\n"
    told = own(tmp_path, rows)
    told.format = "standard"
    prepare(told, tmp_path / "formatted", workers=1)
    assert written(tmp_path / "formatted", "ugly")["code"] == "def odd(a, b):\n    return a + b  # kept\n"


def test_token_streams_are_laid_out_whatever_is_asked_for(source, tmp_path):
    told = options(source, format="keep")
    prepare(told, tmp_path / "data", workers=1)
    assert read_examples(tmp_path / "data" / "python" / "train.jsonl")[0].code.startswith("def f1(x):\n    y = x * 1\n")


def test_a_language_without_marks_is_known_by_the_others_of_its_source(source, tmp_path):
    padded = javascript(11).replace("f11 ( 2 )", '" a ▁ " + f11 ( 2 ) + " - "').replace("▁", "-")
    path = source / "javascript" / "train.jsonl"
    path.write_text(path.read_text() + json.dumps({"id": "11", "text": "T", "code": padded}) + "\n")
    prepare(options(source), tmp_path / "both", workers=1)
    assert 'document.write("a-" + f11(2) + "-");' in written(tmp_path / "both", "11")["code"]
    prepare(options(source, ("javascript",)), tmp_path / "one", workers=1)
    assert '" - "' in written(tmp_path / "one", "11")["code"]


@pytest.mark.parametrize(
    ("language", "row"),
    [
        ("javascript", {"id": "x", "text": "Odd", "code": "console.log('\ud83d');\n"}),
        ("python", {"id": "x", "text": "Odd", "code": "print('\ud83d')\n"}),
        ("python", {"id": "x", "text": "Odd \udcb2", "code": "print(5)\n"}),
        ("python", {"id": "x\ud83d", "text": "Odd", "code": "print(5)\n"}),
        ("python", {"text": "Odd \ud83d", "code": "print(5)\n"}),
    ],
)
def test_half_characters_are_left_out_and_counted(tmp_path, language, row):
    report = prepare(own(tmp_path, [row], language), tmp_path / "data", count_tokens, workers=1)
    assert left_out(report, language) == {"not_unicode": 1}


def test_a_whole_character_written_as_two_escapes_is_kept(tmp_path):
    row = {"id": "x", "text": "Odd \U0001f600", "code": "print('\U0001f600')\n"}
    report = prepare(own(tmp_path, [row]), tmp_path / "data", count_tokens, workers=1)
    assert left_out(report) == {}
    assert written(tmp_path / "data", "x")["code"] == row["code"]


@pytest.mark.parametrize("language", ["python", "javascript"])
def test_what_cannot_fit_reaches_no_formatter(tmp_path, monkeypatch, language):
    seen = []
    monkeypatch.setattr(
        "moesaic.data.prepare.format_many", lambda codes, name: seen.extend(map(len, codes)) or list(codes)
    )
    long = {"id": "x", "text": "Long", "code": "x = [" + "1, " * 800_000 + "]\n"}
    middle = {"id": "y", "text": "Long, too", "code": "x = [" + "1, " * 10_000 + "]\n"}
    told = own(tmp_path, [long, middle], language)
    told.format = "standard"
    report = prepare(told, tmp_path / "data", count_tokens, workers=1)
    assert left_out(report, language) == {"too_long": 2}
    assert max(seen) < 1000
    assert all(split.parse_share_restored == 1.0 for split in report.languages[language].values())


def test_programs_whose_fences_cannot_be_told_from_their_end_are_left_out(tmp_path):
    kept = '"""\n```\nuse(1)\n```\n"""\nuse = print\n'
    rows = [{"id": "kept", "text": "T", "code": kept}, {"id": "x", "text": "U", "code": "`a`\n```b```\n"}]
    report = prepare(own(tmp_path, rows[:1]), tmp_path / "data", workers=1)
    assert written(tmp_path / "data", "kept")["code"] == kept
    assert left_out(report) == {}
    report = prepare(own(tmp_path, rows[1:], "javascript", "js"), tmp_path / "js-data", workers=1)
    assert left_out(report, "javascript") == {"code_fence": 1}


def test_the_message_names_the_cause_that_was_counted(tmp_path):
    folder = tmp_path / "broken"
    folder.mkdir()
    rows = [{"id": str(number), "text": f"T {number}", "code": f"def f{number}(:"} for number in range(60)]
    (folder / "python.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(
        DataError, match=r"were left out \(does not parse [0-9]+\); check that the field code"
    ) as caught:
        prepare(options(folder, ("python",), test_fraction=0.3, validation_fraction=0.3), tmp_path / "data", workers=1)
    assert "max_tokens" not in str(caught.value)


def test_processes_give_the_same(source, tmp_path):
    for workers in (1, 2):
        prepare(options(source), tmp_path / str(workers), count_tokens, workers=workers)
    for path in (tmp_path / "1").rglob("*.jsonl"):
        assert path.read_bytes() == (tmp_path / "2" / path.relative_to(tmp_path / "1")).read_bytes()
