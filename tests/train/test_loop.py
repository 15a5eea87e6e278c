"""The loop: what it keeps, how it resumes, and that processes and accumulation are the same thing."""

from __future__ import annotations

import functools
import itertools
import json
import math
import os
import re
import signal
import subprocess
import textwrap
import time
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from accelerate.tracking import GeneralTracker
from safetensors.torch import load_file
from torch.nn import functional
from training_data import LANGUAGES, toy_examples

from forked import Forked
from killing import run_killed
from moesaic.data.packing import PackedBatches
from moesaic.errors import CheckpointError, MoesaicError, TrainingError
from moesaic.model.attention import packed_attention
from moesaic.model.loss import example_losses, targets, token_losses, validation_loss
from moesaic.recipe import Optimisation
from moesaic.train.loop import BEST, learning_rate_at, train
from moesaic.train.resume import CHECKPOINT
from moesaic.train.rows import PackedLoss, PackedSteps
from pico import pico_llama


def run(folder: Path, *, steps: int = 6, validate=None, model=None, accelerator=None, **options):
    """Trains the second layer's MLP of a pico model; returns (result, trained parameters)."""
    model = model or pico_llama()
    model.requires_grad_(False)
    parameters = {name: p.requires_grad_(True) for name, p in model.model.layers[1].mlp.named_parameters()}
    examples = toy_examples(12)
    settings = Optimisation(**{"row_tokens": 400, "evaluations": 3, "learning_rate": 1e-2, **options})
    folder.mkdir(exist_ok=True)
    decide = validate or (lambda: validation_loss(model, toy_examples(4, seed=9), LANGUAGES, 400))
    torch.manual_seed(0)
    with packed_attention(model):
        accelerator = accelerator or Accelerator(cpu=True)
        result = train(
            accelerator,
            PackedSteps(
                accelerator,
                PackedLoss(model, settings),
                PackedBatches(examples, LANGUAGES, settings.row_tokens, seed=3),
                lambda: {"loss": decide()},
                settings,
            ),
            parameters,
            settings,
            total_steps=steps,
            learning_rate=settings.learning_rate,
            rate_key="toy.learning_rate",
            folder=folder,
            name="toy",
        )
    return result, {name: parameter.detach().clone() for name, parameter in parameters.items()}


def test_training_lowers_the_loss(tmp_path):
    result, _ = run(tmp_path / "a", steps=40)
    first, last = result.history[0][1], result.best_loss
    assert last < 0.8 * first
    assert not (tmp_path / "a" / CHECKPOINT).exists()


def test_compiling_without_a_gpu_is_said_to_have_no_effect(tmp_path, capsys):
    plain, _ = run(tmp_path / "a", steps=2)
    compiled, _ = run(tmp_path / "b", steps=2, compile=True)
    assert compiled == plain
    assert "compile: true has no effect here: this is not a GPU" in " ".join(capsys.readouterr().err.split())


def test_metrics_have_a_line_a_step_and_every_validation(tmp_path):
    run(tmp_path / "a", steps=6)
    lines = [json.loads(line) for line in (tmp_path / "a" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == [1, 2, 3, 4, 5, 6]
    assert [line["step"] for line in lines if "validation_loss" in line] == [0, 2, 4, 6]
    assert all(line["tokens_per_second"] > 0 for line in lines if "loss" in line)


def test_a_steps_speed_is_of_its_own_time(tmp_path, monkeypatch):
    now = 0.0

    def passes(seconds, value=None):
        nonlocal now
        now += seconds
        return value

    model = pico_llama()
    model.model.register_forward_pre_hook(lambda *_: passes(2.0))
    monkeypatch.setattr(time, "monotonic", lambda: now)
    validate = functools.partial(passes, 100.0, 1.0)
    run(tmp_path / "a", steps=5, model=model, validate=validate, evaluations=2, checkpoint_minutes=1000)
    lines = [json.loads(line) for line in (tmp_path / "a" / "metrics.jsonl").read_text().splitlines()]
    batches = PackedBatches(toy_examples(12), LANGUAGES, 400, seed=3)
    tokens = [row.num_tokens for row in itertools.islice(itertools.chain(batches, batches), 5)]
    assert [line["tokens_per_second"] for line in lines if "loss" in line] == [round(count / 2) for count in tokens]


def test_the_best_state_is_kept_and_the_untrained_one_can_be_it(tmp_path):
    scripted = iter([1.0, 2.0, 3.0, 4.0])
    model = pico_llama()
    before = {name: p.detach().clone() for name, p in model.model.layers[1].mlp.named_parameters()}
    result, after = run(tmp_path / "a", validate=lambda: next(scripted), model=model)
    assert result.best_step == 0
    assert result.best_loss == 1.0
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_early_stopping_counts_validations_without_a_new_best(tmp_path):
    scripted = iter([3.0, 1.0, 2.0, 2.0, 0.0])
    result, _ = run(tmp_path / "a", steps=8, evaluations=4, patience=2, validate=lambda: next(scripted))
    assert (result.steps, result.best_step) == (6, 2)


def test_a_loss_that_is_not_finite_names_the_key(tmp_path):
    with pytest.raises(
        MoesaicError, match=r"toy: validation_loss is nan at step 0; lower toy\.learning_rate \(now 0\.01\)"
    ):
        run(tmp_path / "a", validate=lambda: math.nan)


def test_a_training_that_cannot_go_on_names_the_batch_and_keeps_its_best_state(tmp_path):
    model, passes = pico_llama(), 0

    def fifth(module, _arguments, output):
        nonlocal passes
        passes += module.training
        return output * math.nan if passes == 5 else None

    model.model.embed_tokens.register_forward_hook(fifth)
    folder = tmp_path / "a"
    with pytest.raises(TrainingError, match=r"toy: (loss|grad_norm) is nan at step 5 \(its batch, .*: .*\d") as caught:
        run(folder, steps=8, model=model, evaluations=4, checkpoint_minutes=0)
    said = str(caught.value)
    assert f"is in {folder / BEST}" in said
    assert "of step 4" in said
    examples = toy_examples(12)
    batches = PackedBatches(examples, LANGUAGES, 400, seed=3)
    row = next(itertools.islice(itertools.chain.from_iterable(itertools.repeat(batches)), 4, None))
    for index in row.example_ids_D.tolist():
        place = 1 + sum(example.language == examples[index].language for example in examples[:index])
        assert re.search(rf"{re.escape(examples[index].language)} (\d+, )*{place}\b", said)
    _, parameters = run(tmp_path / "b", steps=4, evaluations=2)
    kept = load_file(folder / BEST)
    assert kept.keys() == parameters.keys()
    assert all(torch.isfinite(tensor).all() for tensor in kept.values())
    result, _ = run(folder, steps=8, evaluations=4)  # the cause is gone: it goes on from its checkpoint
    assert result.steps == 8
    assert not (folder / BEST).exists()


def test_a_full_memory_cuts_rows_into_pieces_and_changes_no_step(tmp_path, capsys):
    whole, expected = run(tmp_path / "a", steps=5, accumulation=3)
    model, sizes = pico_llama(), []

    def small(module, arguments, options):
        if module.training:
            sizes.append(options["input_ids"].shape[1])
        # In the second step, when one of its rows has left gradients already.
        if module.training and len(sizes) > 4 and sizes[-1] > 200:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    model.model.register_forward_pre_hook(small, with_kwargs=True)
    result, found = run(tmp_path / "b", steps=5, accumulation=3, model=model)
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("rows are run in pieces of at most 200 tokens") == 1
    assert max(sizes[:4]) > max(sizes[5:]) > 100
    assert max(sizes[5:]) <= 200
    assert [loss for _, loss in result.history] == pytest.approx([loss for _, loss in whole.history], rel=1e-6)
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=0, atol=2e-6)


def test_a_document_that_does_not_fit_alone_ends_the_training(tmp_path):
    model, folder = pico_llama(), tmp_path / "a"

    def full(module, _arguments, _options):
        if module.training:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    model.model.register_forward_pre_hook(full, with_kwargs=True)
    with pytest.raises(torch.OutOfMemoryError):
        run(folder, model=model)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("compile", [False, True])
def test_on_a_gpu_the_speed_is_of_the_gpus_time(tmp_path, compile):
    started = time.monotonic()
    run(tmp_path / "a", steps=24, model=pico_llama().cuda(), accelerator=Accelerator(), evaluations=8, compile=compile)
    spent = time.monotonic() - started
    lines = [json.loads(line) for line in (tmp_path / "a" / "metrics.jsonl").read_text().splitlines()]
    batches = PackedBatches(toy_examples(12), LANGUAGES, 400, seed=3)
    tokens = [row.num_tokens for row in itertools.islice(itertools.chain.from_iterable(itertools.repeat(batches)), 24)]
    speeds = [line["tokens_per_second"] for line in lines if "loss" in line]
    assert sum(count / speed for count, speed in zip(tokens, speeds, strict=True)) < spent
    middle = sorted(speeds)[len(speeds) // 2]
    assert max(speeds) < 10 * middle  # a step that is read with the next one is not a hundred times as fast


def test_trackers_get_every_step_under_the_stretchs_name(tmp_path):
    class Kept(GeneralTracker):
        requires_logging_directory = False

        def __init__(self, name):
            self.kept_name, self.rows = name, []
            super().__init__()

        @property
        def name(self):
            return self.kept_name

        @property
        def tracker(self):
            return self.rows

        def store_init_configuration(self, values):
            pass

        def log(self, values, step=None, **_):
            self.rows.append((step, values))

    by_step, counting = Kept("kept"), Kept("wandb")
    accelerator = Accelerator(cpu=True, log_with=[by_step, counting])
    accelerator.init_trackers("x")
    result, _ = run(tmp_path / "a", accelerator=accelerator)
    assert [step for step, _ in by_step.rows] == [1, 2, 3, 4, 5, 6]
    assert [step for step, _ in counting.rows] == [None] * 6  # it would drop the next stretch, which starts again at 1
    assert [values["toy/step"] for _, values in counting.rows] == [1, 2, 3, 4, 5, 6]
    found = {step: v["toy/validation_loss"] for step, v in by_step.rows if "toy/validation_loss" in v}
    assert found == {step: loss for step, loss in result.history if step}


def test_learning_rate_rises_and_falls():
    rates = [learning_rate_at(step, 20, 1.0, 0.1) for step in range(1, 21)]
    assert rates[0] == 0.5
    assert rates[1] == max(rates) == 1.0
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert 0 < rates[-1] < 0.05


def test_chunked_head_loss_equals_cross_entropy_with_its_gradient(monkeypatch):
    monkeypatch.setattr("moesaic.model.loss.CHUNK_TOKENS", 5)
    torch.manual_seed(0)
    hidden = torch.randn(13, 8, dtype=torch.double, requires_grad=True)
    head = torch.randn(30, 8, dtype=torch.double)
    labels = torch.randint(30, (13,))
    weights = torch.rand(13)
    expected = functional.cross_entropy(hidden @ head.T, labels, reduction="none")
    (gradient,) = torch.autograd.grad((expected * weights).sum(), hidden)
    losses = token_losses(hidden, head, labels)
    (own,) = torch.autograd.grad((losses * weights).sum(), hidden)
    torch.testing.assert_close(losses, expected.float())
    torch.testing.assert_close(own, gradient, rtol=1e-5, atol=1e-6)


def test_example_losses_are_those_of_each_document_alone():
    model = pico_llama()
    examples = toy_examples(3)
    with packed_attention(model):
        together = example_losses(model, examples, LANGUAGES, 500)
    for index, example in enumerate(examples):
        ids = torch.tensor([example.ids])
        logits = model(ids).logits[0]
        losses = functional.cross_entropy(logits[:-1], ids[0, 1:], reduction="none")
        start = example.num_prompt_tokens - 1
        expected = losses[start : start + example.num_code_tokens].sum().item()
        assert together[index, 0].item() == pytest.approx(expected, rel=1e-4)
        assert together[index, 1].item() == example.num_code_tokens


def test_targets_leave_out_prompts_and_what_closes_the_answer():
    examples = toy_examples(2)
    batch = next(iter(PackedBatches(examples, LANGUAGES, 1000, shuffle=False)))
    _, trained = targets(batch)
    _, code = targets(batch, code_only=True)
    assert len(trained) == sum(len(item.ids) - item.num_prompt_tokens for item in examples)
    assert len(code) == sum(item.num_code_tokens for item in examples)


def test_a_corrupt_checkpoint_says_what_to_do(tmp_path):
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / CHECKPOINT).write_bytes(b"half a file")
    with pytest.raises(CheckpointError, match="delete it"):
        run(folder)


def _process(tmp_path: Path, name: str, kill_after: int) -> subprocess.CompletedProcess[str]:
    work = f"""
from test_loop import run
result, parameters = run(Path({str(tmp_path / name)!r}), steps=7, checkpoint_minutes=0, accumulation=2)
torch.save(parameters, {str(tmp_path / f"{name}.pt")!r})
print(result.history)
"""
    return run_killed(work, "moesaic.train.loop", "save_checkpoint", kill_after)


@pytest.mark.slow
def test_killed_at_several_steps_and_resumed_is_bit_for_bit_the_uninterrupted_run(tmp_path):
    whole = _process(tmp_path, "whole", kill_after=-1)
    assert whole.returncode == 0, whole.stderr
    for kill_after in (1, 3):
        killed = _process(tmp_path, "killed", kill_after)
        assert killed.returncode == -signal.SIGKILL
    resumed = _process(tmp_path, "killed", kill_after=-1)
    assert resumed.returncode == 0, resumed.stderr
    assert "resuming after step 4" in resumed.stderr
    assert resumed.stdout == whole.stdout
    expected, found = torch.load(tmp_path / "whole.pt"), torch.load(tmp_path / "killed.pt")
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    steps = [json.loads(line)["step"] for line in (tmp_path / "killed" / "metrics.jsonl").read_text().splitlines()]
    assert steps == sorted(steps)


_RANKS = """
    import sys
    sys.path[:0] = {paths!r}
    import os, torch
    from pathlib import Path
    import moesaic.train.loop as loop
    from test_loop import run
    if "RANK" in os.environ:
        ranks = dict(rank=int(os.environ["RANK"]), world_size=int(os.environ["WORLD_SIZE"]))
        torch.distributed.init_process_group("gloo", init_method="file://" + {folder!r} + "/meeting", **ranks)
    gradients = []
    class Seen(loop.Update):
        def __call__(self):
            gradients.append([parameter.grad.clone() for parameter in self._trainable])
            return super().__call__()
    loop.Update = Seen
    result, parameters = run(Path({folder!r}) / os.environ.get("RANK", "0"), steps=3, accumulation={accumulation})
    torch.save((parameters, gradients), {folder!r} + "/" + os.environ.get("RANK", "0") + ".pt")
"""


@pytest.mark.slow
@pytest.mark.parametrize("accumulation", [2, 3])
def test_processes_share_the_rows_of_a_step(tmp_path, accumulation):
    here = Path(__file__).parent
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        script = textwrap.dedent(_RANKS).format(
            paths=[str(here), str(here.parent)], folder=str(tmp_path / name), accumulation=accumulation
        )
        environment = dict(os.environ)
        if name == "two":
            environment |= {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
        processes = [
            Forked(
                ["-c", script],
                env=environment | ({"RANK": str(rank), "LOCAL_RANK": str(rank)} if name == "two" else {}),
            )
            for rank in range(2 if name == "two" else 1)
        ]
        for process in processes:
            _, errors = process.communicate(timeout=800)
            assert process.returncode == 0, errors
    expected, expected_gradients = torch.load(tmp_path / "one" / "0.pt")
    for rank in range(2):
        found, gradients = torch.load(tmp_path / "two" / f"{rank}.pt")
        for name in expected:
            torch.testing.assert_close(found[name], expected[name], rtol=0, atol=1e-6)
        torch.testing.assert_close(gradients, expected_gradients, rtol=0, atol=1e-6)
    metrics = [
        [json.loads(line) for line in (tmp_path / name / "0" / "metrics.jsonl").read_text().splitlines()]
        for name in ("one", "two")
    ]
    for one, two in zip(*metrics, strict=True):
        for key in one.keys() - {"seconds", "tokens_per_second"}:
            assert two[key] == pytest.approx(one[key], rel=1e-6), key
    assert not (tmp_path / "two" / "1" / "metrics.jsonl").exists()  # the first process writes
