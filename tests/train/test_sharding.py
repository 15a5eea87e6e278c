"""A base whose layers are spread over two processes computes what a whole one computes, whoever has less to do."""

from __future__ import annotations

import json
import os
import textwrap
from pathlib import Path

import pytest
from safetensors.torch import load_file

from forked import Forked

_PROGRAM = """
    import json, os, sys
    from pathlib import Path
    sys.path[:0] = {paths!r}
    import torch, torch.distributed as dist
    rank, count, out = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]), Path(sys.argv[1])
    recomputes, num_rows = sys.argv[2] == "recompute", int(sys.argv[3])
    if count > 1:
        dist.init_process_group("gloo", init_method=f"file://{{out}}/meeting", rank=rank, world_size=count)
    from accelerate import Accelerator
    from peft import LoraConfig, get_peft_model
    from safetensors.torch import save_file
    from moesaic.data.packing import PackedBatches
    from moesaic.model.attention import packed_attention
    from moesaic.model.decode.generate import generate
    from moesaic.model.loss import targets, validation_loss
    from moesaic.model.sharded import is_sharded, shard_base
    from moesaic.ranks import world
    from moesaic.recipe import Optimisation
    from moesaic.train.checkpointing import checkpointed_activations
    from moesaic.train.pieces import PreparedRow
    from moesaic.train.rows import PackedLoss, add_gradients
    from pico import pico_llama
    from training_data import LANGUAGES, toy_examples

    model = pico_llama().requires_grad_(False)
    facts = {{"stored": 0, "whole": sum(p.numel() for p in model.model.layers.parameters())}}
    if count > 1:
        shard_base(model, torch.device("cpu"))
        facts["stored"] = sum(p.to_local().numel() for p in model.model.layers.parameters())
    facts["sharded"] = is_sharded(model)
    accelerator, ranks = Accelerator(cpu=True), world()
    prompts = [[5, 6, 7], [8, 9] * 4, [10]][: num_rows]  # as many as rows: two, or three, or one
    own = ranks.share(range(len(prompts)))
    texts = generate(model, [prompts[i] for i in own], 6 - 2 * rank, (), batch_size=2, streams=own)
    facts["ids"] = [text.ids for text in texts]
    torch.manual_seed(3)
    peft_model = get_peft_model(model, LoraConfig(r=4, target_modules=["gate_proj", "q_proj", "down_proj"]))
    trained = {{n: p for n, p in peft_model.named_parameters() if p.requires_grad}}
    for parameter in trained.values():
        torch.nn.init.normal_(parameter, std=0.1)
    rows = list(PackedBatches(toy_examples(8), LANGUAGES, 200))[:num_rows]
    rows = [PreparedRow(row, targets(row)) for row in rows]
    with packed_attention(model), checkpointed_activations(model, recomputes):
        loss = PackedLoss(model, Optimisation(row_tokens=200)).train()
        facts["validation"] = validation_loss(model, toy_examples(num_rows, 7), LANGUAGES, 100, ranks=ranks)
        facts["loss"] = float(add_gradients(accelerator, loss, rows))
    facts["base_gradients"] = sum(p.grad is not None for n, p in model.named_parameters() if "lora_" not in n)
    if rank == 0:
        save_file({{n: p.grad.contiguous() for n, p in trained.items()}}, out / f"{{count}}.safetensors")
    (out / f"{{count}}-{{rank}}.json").write_text(json.dumps(facts))
"""


def run(folder: Path, count: int, *arguments: str) -> list[dict]:
    """Runs the program in so many processes and returns what each wrote."""
    here = Path(__file__).parent
    script = textwrap.dedent(_PROGRAM).format(paths=[str(here), str(here.parent)])
    processes = [
        Forked(
            ["-c", script, str(folder), *arguments],
            env={**os.environ, "RANK": str(rank), "WORLD_SIZE": str(count)}
            | ({"LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": str(count)} if count > 1 else {}),
        )
        for rank in range(count)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=800)
        assert process.returncode == 0, errors
    return [json.loads((folder / f"{count}-{rank}.json").read_text()) for rank in range(count)]


@pytest.mark.slow
@pytest.mark.parametrize(("how", "num_rows"), [("keep", 2), ("recompute", 3), ("keep", 1)])
def test_two_sharded_processes_have_the_gradients_and_texts_of_one(tmp_path, how, num_rows):
    (alone,) = run(tmp_path, 1, how, str(num_rows))
    first, second = run(tmp_path, 2, how, str(num_rows))
    assert not alone["sharded"]
    assert first["sharded"]
    assert second["sharded"]
    # Each keeps half of every layer, and nothing twice.
    assert first["stored"] + second["stored"] == alone["whole"]
    assert abs(first["stored"] - second["stored"]) <= 0.01 * alone["whole"]
    assert first["base_gradients"] == second["base_gradients"] == 0
    for facts in (first, second):
        assert facts["loss"] == pytest.approx(alone["loss"], abs=1e-6)
        assert facts["validation"] == pytest.approx(alone["validation"], abs=1e-6)
    texts = [[*first["ids"], *second["ids"]][i] for i in {1: [0], 2: [0, 1], 3: [0, 2, 1]}[num_rows]]
    lengths = [len(ids) for ids in texts]
    assert lengths == [6, 4, 6][:num_rows]  # the second process was done earlier, or had nothing to write
    assert texts == [ids[:length] for ids, length in zip(alone["ids"], lengths, strict=True)]
    one, two = (load_file(tmp_path / f"{count}.safetensors") for count in (1, 2))
    assert one.keys() == two.keys()
    assert max(float((one[name] - two[name]).abs().max()) for name in one) < 1e-6
    assert max(float(gradient.abs().max()) for gradient in one.values()) > 1e-4
