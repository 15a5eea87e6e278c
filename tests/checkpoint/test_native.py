"""Model folders: what is written is what is read, and nothing half-written opens."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from moesaic.checkpoint import native
from moesaic.checkpoint.card import write_card
from moesaic.errors import CheckpointError, ModelError
from moesaic.model.lora import LoraExpert, LowRank, anchor_expert

HIDDEN, LAYERS = 8, 2
BASE = {"model": "org/pico", "dtype": "float32", "quantize": "none"}


def expert(name: str, seed: int, rank: int = 2) -> LoraExpert:
    generator = torch.Generator().manual_seed(seed)
    deltas = {
        f"model.layers.{layer}.mlp.{projection}": LowRank(
            torch.randn(rank, HIDDEN, generator=generator), torch.randn(HIDDEN, rank, generator=generator)
        )
        for layer in range(LAYERS)
        for projection in ("gate_proj", "up_proj", "down_proj")
    }
    return LoraExpert(name, rank, 2.0, deltas)


def gates(num_experts: int = 2, noisy: bool = False) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(9)
    parts = ("weight", "noise") if noisy else ("weight",)
    return {
        f"layers.{layer}.{part}": torch.randn(num_experts, HIDDEN, generator=generator)
        for layer in range(LAYERS)
        for part in parts
    }


def save(path: Path, **changes: object) -> native.ModelFolder:
    arguments: dict[str, object] = {
        "base_spec": BASE,
        "base_digest": "d" * 64,
        "experts": [expert("python", 1), expert("java", 2)],
        "router_tensors": gates(),
        "kind": "top_k",
        "top_k": 1,
    }
    return native.save_model_folder(path, **{**arguments, **changes})  # type: ignore[arg-type]


def test_reads_back_what_was_written(tmp_path: Path) -> None:
    written = save(tmp_path / "moe", router_tensors=gates(noisy=True), kind="noisy_top_k")
    folder = native.read_model_folder(tmp_path / "moe")
    assert folder == written
    assert folder.names == ("python", "java") == folder.languages
    assert (folder.base, folder.base_digest) == (BASE, "d" * 64)
    assert (folder.kind, folder.top_k) == ("noisy_top_k", 1)
    router = folder.read_router()
    assert router.keys() == gates(noisy=True).keys()
    assert all(torch.equal(router[name], tensor) for name, tensor in gates(noisy=True).items())
    back = folder.read_experts()[1]
    original = expert("java", 2)
    assert (back.name, back.rank, back.scale) == ("java", 2, 2.0)
    assert all(torch.equal(back.deltas[path].A_RI, pair.A_RI) for path, pair in original.deltas.items())


def test_the_anchor_is_an_entry_without_files(tmp_path: Path) -> None:
    experts = [expert("python", 1), expert("java", 2), anchor_expert()]
    save(tmp_path / "moe", experts=experts, router_tensors=gates(3), top_k=3)
    folder = native.read_model_folder(tmp_path / "moe")
    assert folder.names == ("python", "java", "base")
    assert folder.languages == ("python", "java")
    assert folder.has_anchor
    assert [(e.name, e.rank, dict(e.deltas)) for e in folder.read_experts()][-1] == ("base", 0, {})
    assert sorted(path.name for path in (tmp_path / "moe" / "experts").iterdir()) == ["java", "python"]
    assert "| base | (none: the frozen base itself) | 0 | |" in (tmp_path / "moe" / "README.md").read_text()


def test_only_a_folder_with_an_anchor_needs_a_new_moesaic(tmp_path: Path) -> None:
    save(tmp_path / "old")
    save(tmp_path / "new", experts=[expert("python", 1), anchor_expert()])
    versions = [json.loads((tmp_path / name / "moesaic.json").read_text())["format_version"] for name in ("old", "new")]
    assert versions == [1, 2]


def test_names_of_the_model_are_translated(tmp_path: Path) -> None:
    named = {f"model.{key.replace('.weight', '.mlp.router.weight_ED')}": value for key, value in gates().items()}
    assert save(tmp_path / "moe", router_tensors=named).read_router().keys() == gates().keys()


def test_softmax_uses_all_experts(tmp_path: Path) -> None:
    assert save(tmp_path / "moe", kind="softmax", top_k=1).top_k == 2


def test_unchanged_expert_keeps_its_bytes(tmp_path: Path) -> None:
    first = save(tmp_path / "first")
    config = first.expert_path("python") / "adapter_config.json"
    config.write_text(config.read_text() + "\n\n")
    second = save(tmp_path / "second", reuse={"python": first.expert_path("python")})
    for file in first.expert_path("python").iterdir():
        assert (second.expert_path("python") / file.name).read_bytes() == file.read_bytes()


def test_replaces_an_earlier_folder(tmp_path: Path) -> None:
    save(tmp_path / "moe")
    assert save(tmp_path / "moe", top_k=2).top_k == 2
    assert [path.name for path in tmp_path.iterdir()] == ["moe"]


def test_not_a_model_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        native.read_model_folder(tmp_path / "nowhere")
    with pytest.raises(ModelError, match=r"holds no moesaic\.json"):
        native.read_model_folder(tmp_path)


@pytest.mark.parametrize("name", ["router.safetensors", "experts/java/adapter_model.safetensors"])
def test_truncated_or_missing_file(tmp_path: Path, name: str) -> None:
    save(tmp_path / "moe")
    file = tmp_path / "moe" / name
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="truncated"):
        native.read_model_folder(tmp_path / "moe")
    file.unlink()
    with pytest.raises(CheckpointError, match="missing"):
        native.read_model_folder(tmp_path / "moe")


def test_unknown_format_version(tmp_path: Path) -> None:
    save(tmp_path / "moe")
    path = tmp_path / "moe" / "moesaic.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format_version": 99}))
    with pytest.raises(CheckpointError, match="99"):
        native.read_model_folder(tmp_path / "moe")


def test_malformed_description(tmp_path: Path) -> None:
    save(tmp_path / "moe")
    (tmp_path / "moe" / "moesaic.json").write_text('{"format_version": 1}')
    with pytest.raises(CheckpointError, match="malformed"):
        native.read_model_folder(tmp_path / "moe")


def test_kill_before_the_rename_leaves_nothing_that_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(native, "_replace", killed)
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path / "moe")
    with pytest.raises(ModelError):
        native.read_model_folder(tmp_path / "moe")
    monkeypatch.undo()
    save(tmp_path / "moe")
    assert [path.name for path in tmp_path.iterdir()] == ["moe"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "hash"}, "unknown kind of gate 'hash'"),
        ({"top_k": 3}, "top_k is 3, but there are 2 experts"),
        ({"router_tensors": {}}, "missing or extra"),
        ({"router_tensors": gates(noisy=True)}, "missing or extra"),
        ({"router_tensors": gates(num_experts=3)}, "gate shapes"),
        ({"experts": [expert("../python", 1), expert("java", 2)]}, "names a folder"),
        ({"experts": [expert("java", 1), expert("java", 2)]}, "twice"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        save(tmp_path / "moe", **changes)
    assert not list(tmp_path.iterdir())


def test_card_shows_scores(tmp_path: Path) -> None:
    folder = save(tmp_path / "moe")
    assert "Not measured yet" in (folder.path / "README.md").read_text()
    cell = {"value": 0.4321, "n": 50, "low": 0.4, "high": 0.5}
    write_card(folder, {"systems": {"moe": {"codebleu": {"python": cell}}}})
    card = (folder.path / "README.md").read_text()
    assert "| moe | codebleu | 0.432 [0.400, 0.500] n=50 |" in card
    assert "base_model: org/pico" in card
    assert native.read_model_folder(folder.path) == folder


def test_folder_can_be_moved(tmp_path: Path) -> None:
    save(tmp_path / "moe")
    shutil.move(tmp_path / "moe", tmp_path / "elsewhere")
    assert native.read_model_folder(tmp_path / "elsewhere").path == tmp_path / "elsewhere"
