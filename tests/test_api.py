"""The Python interface: loading from wherever a model is, one text or many, pieces, saving and publishing."""

import json
import os
import shutil
import subprocess
import sys
import warnings
from types import SimpleNamespace

import huggingface_hub
import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

import moesaic
from moesaic.api import Answer, Model
from moesaic.checkpoint.native import read_model_folder, save_model_folder
from moesaic.cli import app
from moesaic.data.kept_prompts import KeptTokenizer
from moesaic.errors import CheckpointError, DataError, ModelError
from moesaic.model.backbone import load_base
from moesaic.model.base_files import BaseSource
from moesaic.model.int8 import Int8Linear
from moesaic.model.moe import compose, extract_experts, extract_router, moe_blocks
from moesaic.model.plain import PlainModel, load_plain
from pico import pico_base, pico_tokenizer, random_experts, random_gates

TASKS = ["Sum of the digits of a number", "Reverse a text", "Largest of three numbers"]


def make(folder, base, seed=5, names=("python", "java", "cpp"), **options):
    """A model folder with random experts and gates on the base that ``options`` may write otherwise."""
    loaded = load_base(str(base))
    model = compose(loaded.model, random_experts(loaded.model, names), "top_k", 2)
    random_gates(model, seed)
    return save_model_folder(
        folder,
        base_spec={"model": str(base), **options},
        base_digest=loaded.digest,
        experts=extract_experts(model),
        router_tensors=extract_router(model),
        kind="top_k",
        top_k=2,
    ).path


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A base and a model on it, made once; tests copy what they change."""
    root = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOESAIC_CACHE", str(root / "cache"))
        return SimpleNamespace(base=pico_base(root / "base"), folder=make(root / "model", root / "base"))


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MOESAIC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def model(made):
    return Model.from_pretrained(made.folder, device="cpu")


def files(folder):
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def logits(model):
    with torch.inference_mode():
        return model.model(torch.tensor([[3, 1, 4, 1, 5]])).logits


def test_what_transformers_users_look_for(model, made):
    assert model.model.config.model_type == "llama"
    assert not model.model.training
    assert model.tokenizer.decode(model.tokenizer("abc")["input_ids"]) == "abc"
    assert (model.experts, model.languages) == (("python", "java", "cpp"), ("python", "java", "cpp"))
    assert repr(model) == (
        f"Model('{made.folder}': 3 experts (python, java, cpp) on {made.base}, top_k gates, 2 per token, "
        "float32 on cpu)"
    )
    assert moesaic.Model is Model


def test_load_is_the_short_name(made, model):
    loaded = moesaic.load(str(made.folder), "cpu")
    assert isinstance(loaded, Model)
    assert torch.equal(logits(loaded), logits(model))


@pytest.mark.parametrize("dtype", ["bfloat16", torch.bfloat16])
def test_dtype_by_name_or_as_torch_has_it(made, dtype):
    loaded = Model.from_pretrained(made.folder, device=torch.device("cpu"), dtype=dtype)
    assert loaded.model.dtype == torch.bfloat16
    assert "bfloat16 on cpu" in repr(loaded)


def test_int8_is_smaller_and_writes(made):
    plain, small = (moesaic.load(made.folder, "cpu", dtype=dtype) for dtype in ("float32", "int8"))
    assert isinstance(small.model.model.layers[0].self_attn.q_proj, Int8Linear)
    pieces = "".join(small.stream(TASKS[0], language="python", max_new_tokens=8))
    whole = small.generate(TASKS[0], language="python", max_new_tokens=8).completion
    assert pieces.rstrip("\n") == whole.rstrip("\n")  # a program that was cut ends its line
    sizes = [
        sum(tensor.nbytes for tensor in (*loaded.model.parameters(), *loaded.model.buffers()))
        for loaded in (plain, small)
    ]
    assert sizes[1] < sizes[0]


def test_int8_is_for_a_cpu(made, monkeypatch):
    monkeypatch.setattr("moesaic.checkpoint.loading.chosen_device", lambda _: torch.device("cuda:0"))
    with pytest.raises(ModelError, match="dtype is 'int8', which is for a CPU, and device is 'cuda:0'"):
        moesaic.load(made.folder, "cuda:0", dtype="int8")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "float16"}, "dtype is 'float16': allowed: auto, float32, bfloat16"),
        ({"dtype": torch.int16}, "dtype is 'int16'"),
        ({"device": "gpu"}, "device is 'gpu': allowed: cpu, cuda"),
        ({"device": "cuda:99"}, "device is 'cuda:99', but there are "),
        ({"revision": "main"}, "is a folder here, which has no revision 'main'"),
    ],
)
def test_what_cannot_be_loaded_so_is_said(made, options, message):
    with pytest.raises(ModelError, match=message):
        Model.from_pretrained(made.folder, **options)


# Generation


def test_many_texts_are_as_one_by_one(model):
    languages = ["python", "java", "c++"]
    many = model.generate(TASKS, language=languages, max_new_tokens=12)
    assert [type(answer) for answer in many] == [Answer] * 3
    for task, language, answer in zip(TASKS, languages, many, strict=True):
        one = model.generate(task, language=language, max_new_tokens=12)
        assert one == answer
        assert one.num_tokens == 12 or one.stopped
    assert model.generate(TASKS[:1], language="python", max_new_tokens=12) == many[:1]
    assert model.generate(tuple(TASKS), language=languages, max_new_tokens=12, batch_size=2) == many
    assert model.generate([], language="python") == []


def test_sampling_depends_on_the_seed_and_traces_are_kept(model):
    options = {"language": "python", "max_new_tokens": 16, "temperature": 1.0, "top_p": 0.9}
    first, again, other = (model.generate(TASKS[0], **options, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.completion != other.completion
    traced = model.generate(TASKS[:2], language="java", max_new_tokens=5, trace=True)
    assert [len(answer.trace) for answer in traced] == [answer.num_tokens for answer in traced]


@pytest.mark.parametrize(
    ("text", "options", "error", "message"),
    [
        ("  ", {}, DataError, "the task is empty"),
        (["fine", ""], {}, DataError, "the task is empty"),
        (TASKS, {"language": ["python"]}, DataError, "there are 3 tasks, but 1 languages"),
        (TASKS[0], {"language": "klingon"}, DataError, "klingon"),
        ("word " * 300, {}, ModelError, "the model's context is 256: shorten"),
        (TASKS[0], {"max_new_tokens": 0}, ModelError, "max_new_tokens is 0: allowed: 1 or more"),
        (TASKS[0], {"temperature": -1.0}, ModelError, "temperature is -1.0: allowed"),
        (TASKS[0], {"temperature": float("nan")}, ModelError, "temperature is nan"),
        (TASKS[0], {"top_p": 0.0}, ModelError, "top_p is 0.0: allowed"),
        (TASKS[0], {"batch_size": 0}, ModelError, "batch_size is 0"),
    ],
)
def test_mistakes_are_named(model, text, options, error, message):
    with pytest.raises(error, match=message):
        model.generate(text, **{"language": "python", **options})
    if isinstance(text, str) and "batch_size" not in options:
        with pytest.raises(error, match=message):  # at once, not when the first piece is asked for
            model.stream(text, **{"language": "python", **options})


def test_a_language_without_expert_is_said_once_each(model):
    with pytest.warns(UserWarning, match="no expert for C#, only for python, java, cpp") as warned:
        model.generate(TASKS, language=["c#", "python", "csharp"], max_new_tokens=1)
    assert [str(item.message).startswith("this model has no expert") for item in warned] == [True]
    with pytest.warns(UserWarning, match="no expert for PHP"):
        list(model.stream(TASKS[0], language="php", max_new_tokens=1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.generate(TASKS[0], language="C++", max_new_tokens=1)


def test_experts_that_are_not_named_by_languages_lack_none(made, tmp_path):
    folder = make(tmp_path / "model", made.base, names=("first", "second", "third"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        moesaic.load(folder, "cpu").generate(TASKS[0], language="php", max_new_tokens=1)


# Streaming


@pytest.mark.parametrize("sampling", [{}, {"temperature": 1.0, "seed": 3}, {"temperature": 0.8, "top_p": 0.7}])
@pytest.mark.parametrize("task", TASKS)
def test_pieces_are_the_program_that_generate_writes(model, task, sampling):
    answer = model.generate(task, language="python", max_new_tokens=40, **sampling)
    pieces = list(model.stream(task, language="python", max_new_tokens=40, **sampling))
    assert "".join(pieces) == model.prompts.extract_code(answer.completion)
    assert all(pieces)


def pieces_of(model, completion):
    """What the stream gives when the model writes this."""
    return list(model._pieces(iter(pico_tokenizer()(completion, add_special_tokens=False)["input_ids"]), "python"))


@pytest.mark.parametrize(
    ("completion", "program"),
    [
        ("x = 1\nprint(x)\n```", "x = 1\nprint(x)\n"),
        ("x = 1\n\n\n    y = 2  \n```\nThis adds.", "x = 1\n\n\n    y = 2\n"),
        ("print('é\N{SNOWMAN}')\n```", "print('é\N{SNOWMAN}')\n"),
        ("int main() {}```", "int main() {}\n"),
        ("const a = `b`;\nconst c = `d`\n", "const a = `b`;\nconst c = `d`\n"),
        ("```python\nx = 1\n```", "x = 1\n"),
        ("", ""),
        ("\n\n", ""),
    ],
)
def test_pieces_come_early_and_hold_no_fence(model, completion, program):
    pieces = pieces_of(model, completion)
    assert "".join(pieces) == program == model.prompts.extract_code(completion)
    if program.count("\n") > 1:
        assert len(pieces) > 4


def test_words_before_a_block_of_the_models_own_come_first(model):
    joined = "".join(pieces_of(model, "Here it is:\n```python\nx = 1\n```\n"))
    assert joined == "Here it is:\nx = 1\n"


def test_a_stream_that_is_left_leaves_the_model_as_it_was(model):
    before = logits(model)
    stream = model.stream(TASKS[0], language="python", max_new_tokens=40)
    next(stream)
    assert not torch.is_inference_mode_enabled()
    assert torch.ones(1, requires_grad=True).sum().requires_grad
    stream.close()
    assert torch.equal(logits(model), before)
    assert all("forward" not in vars(module) for module in model.model.modules())


# Where models are


@pytest.mark.parametrize(
    "stages",
    [["model", "gate/model"], ["reward/model", "gate/model"], ["gate/model", "compose/model"], ["compose/model"]],
)
def test_a_run_is_found_by_its_last_finished_stage(made, tmp_path, stages):
    run = tmp_path / "run"
    for seed, stage in enumerate(stages):
        make(run / stage, made.base, seed=seed)
    (run / "reward" / ".model.partial").mkdir(parents=True)
    assert Model.from_pretrained(run, device="cpu").folder.path == run / stages[0]


def test_a_run_without_a_model_says_how_far_it_has_to_come(tmp_path):
    (tmp_path / "run" / "experts" / "python").mkdir(parents=True)
    with pytest.raises(ModelError, match=r"is not a model folder: it holds no moesaic\.json.*stage compose"):
        moesaic.load(tmp_path / "run")
    with pytest.raises(ModelError, match="does not exist"):
        moesaic.load(tmp_path / "nothing")


def test_a_base_elsewhere_is_named_and_checked(made, tmp_path, model, monkeypatch):
    monkeypatch.setenv("MOESAIC_CACHE", str(tmp_path / "another"))  # which has not seen it
    folder = shutil.copytree(made.folder, tmp_path / "model")
    description = json.loads((folder / "moesaic.json").read_text())
    description["base"]["model"] = str(tmp_path / "gone")
    (folder / "moesaic.json").write_text(json.dumps(description))
    with pytest.raises(ModelError, match=r"gone.* does not exist.*name it \(--base, base=\)"):
        moesaic.load(folder)
    moved = shutil.copytree(made.base, tmp_path / "moved")
    loaded = moesaic.load(folder, "cpu", base=moved)
    assert torch.equal(logits(loaded), logits(model))
    other = pico_base(tmp_path / "other", seed=1)
    with pytest.raises(ModelError, match="the experts would be added to other weights"):
        moesaic.load(folder, base=str(other))
    # What is saved names the base that was given.
    saved = loaded.save_pretrained(tmp_path / "saved")
    assert torch.equal(logits(moesaic.load(saved, "cpu")), logits(model))
    assert f"on {moved}" in repr(loaded)


def test_a_relative_base_moves_with_the_project(tmp_path, monkeypatch, made):
    project = tmp_path / "project"
    shutil.copytree(made.base, project / "bases" / "pico")
    monkeypatch.chdir(project)
    make(project / "runs" / "x" / "model", "bases/pico")
    expected = logits(moesaic.load("runs/x", "cpu"))
    project.rename(tmp_path / "renamed")
    elsewhere = tmp_path / "elsewhere"
    pico_base(elsewhere / "bases" / "pico", seed=1)  # another base of that name, where the user is now
    (tmp_path / "bases" / "pico").mkdir(parents=True)  # and something else
    monkeypatch.chdir(elsewhere)
    assert torch.equal(logits(moesaic.load("../renamed/runs/x", "cpu")), expected)
    shutil.rmtree(tmp_path / "renamed" / "bases")
    with pytest.raises(ModelError, match="the experts would be added to other weights"):
        moesaic.load("../renamed/runs/x")


def test_an_absolute_base_moves_with_the_project(tmp_path, monkeypatch, made):
    project = tmp_path / "project"
    base = shutil.copytree(made.base, project / "bases" / "pico")
    make(project / "runs" / "x" / "model", str(base))
    expected = logits(moesaic.load(project / "runs" / "x", "cpu"))
    monkeypatch.setenv("MOESAIC_CACHE", str(tmp_path / "another machine's"))
    renamed = project.rename(tmp_path / "renamed")
    assert torch.equal(logits(moesaic.load(renamed / "runs" / "x", "cpu")), expected)


def test_a_model_that_is_moved_alone_finds_the_base_that_was_seen(tmp_path, monkeypatch, made):
    monkeypatch.setenv("MOESAIC_CACHE", str(tmp_path / "cache"))
    base = shutil.copytree(made.base, tmp_path / "here" / "pico")
    monkeypatch.chdir(tmp_path / "here")
    make(tmp_path / "here" / "model", "pico")
    expected = logits(moesaic.load("model", "cpu"))
    moved = shutil.move(tmp_path / "here" / "model", tmp_path / "there")
    monkeypatch.chdir("/")
    assert torch.equal(logits(moesaic.load(moved, "cpu")), expected)
    weights = base / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))  # no longer the one that was seen
    with pytest.raises(ModelError, match=r"pico' is neither a folder .*name it \(--base, base=\)"):
        moesaic.load(moved)
    shutil.rmtree(base)
    with pytest.raises(ModelError, match=r"name it \(--base, base=\)"):
        moesaic.load(moved)


def test_a_model_on_the_hub_is_downloaded_at_a_revision(made, monkeypatch):
    asked = []

    def download(repository, revision=None, allow_patterns=None):
        asked.append((repository, revision))
        return str(made.folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    loaded = Model.from_pretrained("somebody/pico-moe", revision="v1", device="cpu")
    assert asked == [("somebody/pico-moe", "v1")]
    assert loaded.experts == ("python", "java", "cpp")


def test_a_hub_that_is_out_of_reach_is_said(monkeypatch):
    def download(*_args, **_options):
        raise LocalEntryNotFoundError("cannot reach the hub\nand more")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    with pytest.raises(ModelError, match=r"somebody/nothing is neither a folder nor .*: cannot reach the hub$"):
        Model.from_pretrained("somebody/nothing")


# Saving and publishing


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
def test_saving_keeps_every_byte_of_what_did_not_change(made, tmp_path, dtype):
    source = shutil.copytree(made.folder, tmp_path / "source")
    (source / "README.md").write_text("# scores\n")
    loaded = moesaic.load(source, "cpu", dtype=dtype)
    saved = loaded.save_pretrained(str(tmp_path / "deep" / "saved"))
    assert files(saved) == files(source)
    loaded.save_pretrained(source)  # in its own place, too
    assert files(saved) == files(source)


def test_what_was_changed_in_memory_is_saved(made, tmp_path):
    loaded = moesaic.load(made.folder, "cpu")
    with torch.no_grad():
        for block in moe_blocks(loaded.model).values():
            block.router.weight_ED.mul_(2)
            block.down_B_ERD[1] += 0.1
    saved = loaded.save_pretrained(tmp_path / "saved")
    assert torch.equal(logits(moesaic.load(saved, "cpu")), logits(loaded))
    before, after = files(made.folder), files(saved)
    changed = {name for name in before if before[name] != after[name]}
    assert changed >= {"router.safetensors", "experts/java/adapter_model.safetensors"}
    assert not any(name.startswith(("experts/python", "experts/cpp")) for name in changed)
    assert "Not measured yet" in (saved / "README.md").read_text()


def test_a_model_in_the_hubs_cache_is_saved_as_files(made, tmp_path):
    base = load_base(str(made.base))
    original = save_model_folder(
        tmp_path / "original",
        base_spec={"model": str(made.base)},
        base_digest=base.digest,
        experts=random_experts(base.model),
        router_tensors=extract_router(moesaic.load(made.folder, "cpu").model),
        kind="top_k",
        top_k=2,
        own_base=base,
    ).path
    snapshot, blobs = tmp_path / "cache" / "snapshots" / "0a1b", tmp_path / "cache" / "blobs"
    blobs.mkdir(parents=True)
    for number, file in enumerate(sorted(file for file in original.rglob("*") if file.is_file())):
        link = snapshot / file.relative_to(original)
        link.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, blobs / str(number))
        link.symlink_to(os.path.relpath(blobs / str(number), link.parent))
    loaded = moesaic.load(snapshot, "cpu")
    saved = loaded.save_pretrained(tmp_path / "saved")
    shutil.rmtree(tmp_path / "cache")
    assert not any(file.is_symlink() for file in saved.rglob("*"))
    assert files(saved) == files(original)
    assert torch.equal(logits(moesaic.load(saved, "cpu")), logits(loaded))


def test_saving_replaces_a_model_and_nothing_else(made, tmp_path, model):
    saved = model.save_pretrained(tmp_path / "saved")
    model.save_pretrained(saved)
    read_model_folder(saved)
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "thesis.txt").write_text("years")
    (tmp_path / "file").write_text("x")
    for name in ("work", "file"):
        with pytest.raises(ModelError, match="exists and is not a model folder"):
            model.save_pretrained(tmp_path / name)
    assert (tmp_path / "work" / "thesis.txt").read_text() == "years"


def test_publishing_uploads_what_is_in_memory(model, monkeypatch, tmp_path):
    calls = []

    class Hub:
        def create_repo(self, repo_id, **options):
            calls.append((repo_id, options["private"]))

        def upload_folder(self, *, repo_id, folder_path, commit_message, **_options):
            shutil.copytree(folder_path, tmp_path / "hub")
            calls.append((repo_id, commit_message))
            return SimpleNamespace(commit_url=f"https://hub/{repo_id}")

    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    with torch.no_grad():
        next(iter(moe_blocks(model.model).values())).router.weight_ED.zero_()
    assert model.push_to_hub("somebody/pico-moe", private=True, message="First") == "https://hub/somebody/pico-moe"
    assert calls == [("somebody/pico-moe", True), ("somebody/pico-moe", "First")]
    assert torch.equal(logits(moesaic.load(tmp_path / "hub", "cpu")), logits(model))


def test_a_damaged_file_is_named(made, tmp_path):
    folder = shutil.copytree(made.folder, tmp_path / "model")
    router = folder / "router.safetensors"
    router.write_bytes(router.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=r"router\.safetensors"):
        moesaic.load(folder)


# The command line, and what is imported


def test_command_finds_a_partial_run_a_base_and_a_missing_expert(made, tmp_path):
    shutil.copytree(made.folder, tmp_path / "run" / "gate" / "model")
    base = shutil.copytree(made.base, tmp_path / "moved")
    arguments = ["generate", str(tmp_path / "run"), TASKS[0], "--language", "csharp", "--max-new-tokens", "4"]
    result = CliRunner().invoke(app, [*arguments, "--base", str(base)])
    assert result.exit_code == 3, result.output  # cut after four tokens
    shown = " ".join(result.stderr.split())
    assert "is not finished: this is the model of its stage gate" in shown
    assert "note: this model has no expert for C#, only for python, java, cpp" in shown
    assert "stage" not in result.stdout
    finished = CliRunner().invoke(app, ["generate", str(made.folder), TASKS[0], "--max-new-tokens", "4"])
    assert "not finished" not in finished.stderr
    assert "note:" not in finished.stderr


@pytest.mark.untraced
def test_generation_imports_no_training_and_no_formatter_before_the_first_token(made):
    code = (
        "import sys, moesaic\n"
        f"model = moesaic.load({str(made.folder)!r}, 'cpu')\n"
        "seen = []\n"
        "def first(count):\n"
        "    seen.extend(name for name in sys.modules if name.split('.')[0] in ('peft', 'ruff', 'clang_format',"
        " 'datasets', 'sacrebleu', 'gguf') or name.startswith(('moesaic.train', 'moesaic.data.formatting')))\n"
        "model.generate('Sum of two numbers', language='python', max_new_tokens=1, on_token=first)\n"
        "print(seen)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (result.stdout.strip(), result.returncode) == ("[]", 0), result.stderr


def answers(model):
    settings = {"language": "java", "max_new_tokens": 12, "seed": 3}
    return (
        model.generate(TASKS[0], **settings),
        model.generate(TASKS, **settings, temperature=0.9, top_p=0.8),
        model.generate(TASKS[1], **settings, trace=True),
        list(model.stream(TASKS[2], **settings)),
    )


@pytest.mark.parametrize("dtype", ["auto", "int8"])
def test_a_model_that_only_writes_writes_the_same(made, dtype, tmp_path):
    usual = Model.from_pretrained(made.folder, device="cpu", dtype=dtype)
    for _ in range(2):  # the second time its tokenizer comes from the cache
        writer = Model.to_write(made.folder, device="cpu", dtype=dtype)
        assert isinstance(writer.model, PlainModel)
        assert answers(writer) == answers(usual)
        assert repr(writer) == repr(usual)
        if dtype == "auto":
            assert files(writer.save_pretrained(tmp_path / "saved")) == files(made.folder)
    assert isinstance(writer.tokenizer, KeptTokenizer)


def test_a_base_that_is_not_plain_is_loaded_as_usual(tmp_path):
    rotary = {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}
    folder = make(tmp_path / "model", pico_base(tmp_path / "base", rope_parameters=rotary))
    assert type(Model.to_write(folder, device="cpu").model).__name__ == "LlamaForCausalLM"


def test_another_type_than_float32_is_loaded_as_usual(made):
    model = Model.to_write(made.folder, device="cpu", dtype="bfloat16").model
    assert (type(model).__name__, model.dtype) == ("LlamaForCausalLM", torch.bfloat16)


def test_a_model_that_only_writes_is_checked_like_any_other(made, tmp_path):
    other = pico_base(tmp_path / "other", seed=9)
    with pytest.raises(ModelError, match="other weights"):
        Model.to_write(made.folder, device="cpu", base=other)
    shutil.copytree(made.base, tmp_path / "base")
    weights = load_file(tmp_path / "base" / "model.safetensors")
    weights["model.norm.weight"][0] = float("nan")
    save_file(weights, tmp_path / "base" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"model\.norm\.weight holds NaN"):
        load_plain(BaseSource("base", tmp_path / "base"))


def test_the_command_imports_neither_transformers_nor_torch_s_compiler(made):
    """They take longer to import than a first token takes."""
    code = (
        "import sys\nfrom moesaic.cli import main\ntry:\n    main()\nfinally:\n"
        "    print([name for name in ('transformers', 'peft', 'accelerate', 'torch._dynamo') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, "generate", str(made.folder), TASKS[0], "--max-new-tokens", "4"]
    found = [
        subprocess.run(command, capture_output=True, text=True, check=False, timeout=300).stdout.splitlines()
        for _ in range(2)
    ]
    assert found[0][:-1] == found[1][:-1]
    assert "transformers" in found[0][-1]  # the first time it reads the tokenizer
    assert found[1][-1] == "[]"
