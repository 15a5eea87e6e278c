"""A full memory: named with the keys to change, and nothing that is done is lost."""

import pytest
import torch

from moesaic.errors import DeviceMemoryError
from moesaic.pipeline.inputs import NEUTRAL, READ_BY
from moesaic.pipeline.memory import _COSTLY, _FREE, memory_errors
from moesaic.pipeline.stages import Run
from moesaic.recipe import load_recipe
from moesaic.train import loop
from test_pipeline import write_recipe


@pytest.mark.parametrize(
    "error",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nmore"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        MemoryError(),
    ],
)
def test_a_full_memory_names_the_keys(tmp_path, error):
    recipe = load_recipe(write_recipe(tmp_path), ["gate.selective_checkpointing=true"])
    with pytest.raises(DeviceMemoryError) as caught, memory_errors(recipe, "gate"):
        raise error
    said = str(caught.value)
    assert said.startswith("gate: the memory is full (")
    assert "\n" not in said
    assert "gate.gradient_checkpointing: true (no result changes, and the stage goes on" in said
    assert "a lower gate.row_tokens (now 1,200) (starts this stage again)" in said
    assert "selective_checkpointing: true" not in said  # it is on
    assert "base.quantize: nf4" in said
    assert "processes.shard: true on several GPUs (torchrun; no result changes)" in said


def test_another_error_stays_what_it_is(tmp_path):
    recipe = load_recipe(write_recipe(tmp_path))
    with pytest.raises(RuntimeError, match="shapes"), memory_errors(recipe, "gate"):
        raise RuntimeError("shapes do not fit")


def test_what_is_said_of_a_key_is_what_the_stages_declare():
    for stage, keys in _FREE.items():
        assert all(key in NEUTRAL for key in keys), stage
    for stage, keys in _COSTLY.items():
        assert all(stage in READ_BY[key] for key in keys), stage


def test_training_goes_on_from_its_checkpoint_with_less_memory(tmp_path, monkeypatch, capfd):
    recipe = write_recipe(tmp_path)
    Run(load_recipe(recipe))(("data",))
    original, calls = loop.save_checkpoint, []

    def full(*arguments, **options):
        original(*arguments, **options)
        calls.append(1)
        if len(calls) == 2:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(loop, "save_checkpoint", full)
    with pytest.raises(DeviceMemoryError, match=r"experts/python: .*experts\.gradient_checkpointing: true"):
        Run(load_recipe(recipe))(("experts",))
    overrides = ["experts.gradient_checkpointing=true", "experts.checkpoint_minutes=7", "evaluate.workers=2"]
    Run(load_recipe(recipe, overrides))(("experts",))
    assert "python: resuming after step 2" in capfd.readouterr().err
