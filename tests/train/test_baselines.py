"""Baselines: merges equal their definitions and PEFT's, routing equals PEFT's, and the base comes back untouched."""

from __future__ import annotations

import copy
import itertools
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from peft import ArrowConfig, PeftModel, create_arrow_model
from peft.tuners.lora import LoraLayer
from torch.utils._python_dispatch import TorchDispatchMode
from training_data import LANGUAGES, toy_examples

from moesaic.errors import CheckpointError, ModelError
from moesaic.files import read_json, write_json
from moesaic.model.attention import packed_attention
from moesaic.model.backbone import load_base
from moesaic.model.decode.cuda import GraphedStep
from moesaic.model.decode.generate import generate
from moesaic.model.decode.slots import SlotBatch
from moesaic.model.lora import WEIGHTS_FILE, LowRank, read_adapter, write_adapter
from moesaic.model.loss import validation_loss
from moesaic.model.moe import compose, extract_router, is_composed
from moesaic.recipe import Recipe
from moesaic.train import baselines, loop
from moesaic.train.arrow import ROUTER, StackedArrow, arrow_model
from moesaic.train.baselines import NOTE, baseline_model, make_baseline, train_dense
from moesaic.train.budget import adapter_stretch, dense_options, expert_stretches, gate_stretches
from moesaic.train.gate_init import initial_gates
from moesaic.train.injection import adapted, put_in
from moesaic.train.merges import DENSITY, WEIGHTS, merge
from pico import ATTENTION, MLP, pico_base, random_expert

NAMES = ("linear", "ties", "dare_ties", "dense_lora", "hidden_gates", "arrow")
RANK = 4
TOKENS = torch.randint(0, 256, (3, 17), generator=torch.Generator().manual_seed(3))


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return load_base(str(pico_base(tmp_path_factory.mktemp("base"))), dtype="float32")


def write_experts(base, folder: Path, ranks=(RANK, RANK), targets=MLP, scales=(2.0, 0.5)) -> dict[str, Path]:
    for index, (name, rank, scale) in enumerate(zip(LANGUAGES, ranks, scales, strict=True)):
        write_adapter(
            random_expert(base.model, name, rank, seed=10 + index, scale=scale, targets=targets), folder / name
        )
    return {name: folder / name for name in LANGUAGES}


@pytest.fixture
def adapters(base, tmp_path):
    return write_experts(base, tmp_path / "experts")


def recipe_for(base, **sections) -> Recipe:
    sections = {
        "experts": {"rank": RANK, "alpha": 8, "epochs": 2, "row_tokens": 400, "evaluations": 2, "learning_rate": 1e-2},
        "gate": {"top_k": 1, "init_programs": 4, "gate_steps": 3, "row_tokens": 400},
        **sections,
    }
    return Recipe.model_validate(
        {"base": {"model": base.spec}, "data": {"source": "corpus", "languages": LANGUAGES}, **sections}
    )


def make(name, base, adapters, folder, **sections):
    folder.mkdir(parents=True, exist_ok=True)
    recipe = recipe_for(base, **sections)
    return make_baseline(
        name, Accelerator(cpu=True), base, adapters, toy_examples(8), toy_examples(4, seed=9), recipe, folder
    )


def logits(model):
    with torch.inference_mode():
        return model(TOKENS).logits


def with_deltas(base, deltas):
    """A copy of the base with full deltas added to its weights."""
    model = copy.deepcopy(base.model)
    with torch.no_grad():
        for path, delta_OI in deltas.items():
            model.get_submodule(path).weight.add_(delta_OI)
    return model


def pefts_own(base, adapters, combination, weights=(1.0, 1.0), **options):
    """Deltas of PEFT's ``add_weighted_adapter`` by module path."""
    first, second = adapters.values()
    model = PeftModel.from_pretrained(copy.deepcopy(base.model), str(first), adapter_name="a")
    model.load_adapter(str(second), adapter_name="b")
    inject = model.base_model.inject_adapter

    def seeded(*arguments, **keywords):
        inject(*arguments, **keywords)
        torch.manual_seed(5)  # after the new adapter was initialised, before it is filled

    model.base_model.inject_adapter = seeded
    model.add_weighted_adapter(["a", "b"], list(weights), "m", combination_type=combination, **options)
    return {
        name.removeprefix("base_model.model."): module.get_delta_weight("m").detach()
        for name, module in model.named_modules()
        if isinstance(module, LoraLayer)
    }


@pytest.mark.parametrize("ranks", [(4, 4), (4, 2)])
def test_linear_is_the_mean_of_the_deltas(base, tmp_path, ranks):
    adapters = write_experts(base, tmp_path / "experts", ranks, MLP + ATTENTION)
    experts = [read_adapter(path) for path in adapters.values()]
    note = make("linear", base, adapters, tmp_path / "linear")
    assert note["rank"] == sum(ranks)
    expected = {path: sum(expert.delta(path) for expert in experts) / 2 for path in experts[0].deltas}
    with baseline_model(base, tmp_path / "linear") as model:
        found = logits(model)
    torch.testing.assert_close(found, logits(with_deltas(base, expected)), rtol=1e-4, atol=1e-4)
    assert (found - logits(base.model)).abs().max() > 0.1
    for path, delta_OI in pefts_own(base, adapters, "cat", (0.5, 0.5)).items():
        torch.testing.assert_close(delta_OI, expected[path])


@pytest.mark.parametrize("method", ["ties", "dare_ties"])
@pytest.mark.parametrize("space", ["factors", "deltas"])
def test_merges_are_pefts_own(base, tmp_path, method, space):
    # One module a layer, so that DARE draws in the same order here and in PEFT.
    # PEFT 0.18 counts the scale of deltas twice, which a scale of 1 does not show.
    scales = (1.0, 1.0) if space == "deltas" else (2.0, 0.5)
    adapters = write_experts(base, tmp_path, targets=("up_proj",), scales=scales)
    experts = [read_adapter(path, name) for name, path in adapters.items()]
    state = torch.get_rng_state()
    merged = merge(method, space, experts, seed=5)
    assert torch.equal(torch.get_rng_state(), state)
    options = {"svd_rank": 2 * RANK} if space == "deltas" else {}
    for weight in (1.0, 2.0):  # a common weight only scales the result
        combination = method if space == "factors" else f"{method}_svd"
        own = pefts_own(base, adapters, combination, (weight, weight), density=DENSITY, **options)
        assert len(own) == 2
        for path, delta_OI in own.items():
            torch.testing.assert_close(weight * merged.delta(path), delta_OI, rtol=1e-4, atol=1e-5)


def test_the_scale_of_a_delta_counts_once(base, adapters):
    experts = [read_adapter(path, name) for name, path in adapters.items()]
    plain = [
        replace(e, scale=1.0, deltas={path: LowRank(A, B * e.scale) for path, (A, B) in e.deltas.items()})
        for e in experts
    ]
    for path in experts[0].deltas:
        found, expected = (merge("ties", "deltas", group, seed=0).delta(path) for group in (experts, plain))
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_dare_depends_on_its_seed_and_ties_does_not(base, adapters):
    experts = [read_adapter(path, name) for name, path in adapters.items()]
    path = next(iter(experts[0].deltas))
    for method, is_same in (("dare_ties", False), ("ties", True)):
        first, second = (merge(method, "factors", experts, seed).delta(path) for seed in (1, 2))
        assert torch.equal(first, second) is is_same
        assert torch.equal(first, merge(method, "factors", experts, 1).delta(path))


@pytest.mark.parametrize("method", ["ties", "dare_ties"])
def test_the_merge_with_the_lowest_validation_loss_is_kept(base, adapters, tmp_path, method):
    note = make(method, base, adapters, tmp_path / method)
    losses = [row["validation_loss"] for row in note["tried"]]
    assert note["chosen"]["validation_loss"] == min(losses)
    for space in ("factors", "deltas"):
        own = [row for row in note["tried"] if row["space"] == space]
        assert [row["weight"] for row in own] == list(WEIGHTS[: len(own)])
        falling = [row["validation_loss"] for row in own[:-1]]
        assert falling == sorted(falling, reverse=True)
        assert len(own) == len(WEIGHTS) or own[-1]["validation_loss"] >= own[-2]["validation_loss"]
    with baseline_model(base, tmp_path / method) as model, packed_attention(model):
        loss = validation_loss(model, toy_examples(4, seed=9), LANGUAGES, 400)
    assert loss == pytest.approx(min(losses), rel=1e-5)
    assert sorted(path.name for path in (tmp_path / method).iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "baseline.json",
    ]
    assert read_json(tmp_path / method / "baseline.json") == note


def test_experts_that_do_not_match_are_refused(base, tmp_path):
    unequal = write_experts(base, tmp_path / "ranks", (4, 2))
    with pytest.raises(ModelError, match="one rank"):
        make("ties", base, unequal, tmp_path / "ties")
    write_adapter(random_expert(base.model, "java", RANK, targets=("up_proj",)), tmp_path / "ranks" / "java")
    with pytest.raises(ModelError, match="different modules"):
        make("linear", base, unequal, tmp_path / "linear")


def num_parameters(adapter: Path) -> dict[str, int]:
    """Module path -> parameters of its factors."""
    return {path: A.numel() + B.numel() for path, (A, B) in read_adapter(adapter).deltas.items()}


def test_dense_lora_has_the_parameters_and_tokens_of_the_whole_mixture(base, adapters, tmp_path):
    recipe = recipe_for(base)
    training = toy_examples(8)
    schedules = dense_options(training, recipe)
    assert list(schedules) == ["one_epoch", "whole_budget"]
    stretches = expert_stretches(training, recipe) + gate_stretches(training, recipe)
    budget = sum(stretch.processed for stretch in stretches)
    dense = {name: adapter_stretch(name, training, recipe, options) for name, options in schedules.items()}
    assert [stretch.steps for stretch in stretches] == [4, 4, 3, 4]
    untrained = recipe.experts.model_copy(update={"max_steps": 0})
    assert adapter_stretch("python", training, recipe, untrained).processed == 0
    whole = dense["whole_budget"]
    assert budget <= whole.processed < budget + whole.processed / whole.steps
    assert dense["one_epoch"].processed == whole.tokens
    for options in schedules.values():
        assert options.alpha / options.rank == recipe.experts.alpha / recipe.experts.rank
        assert options.learning_rate == recipe.experts.learning_rate
        assert options.evaluations >= max(recipe.experts.evaluations, recipe.gate.evaluations)

    note = make("dense_lora", base, adapters, tmp_path / "dense")
    experts = [num_parameters(adapters[name]) for name in LANGUAGES]
    assert num_parameters(tmp_path / "dense") == {path: sum(e[path] for e in experts) for path in experts[0]}
    assert {row["schedule"]: row["training"]["steps"] for row in note["tried"]} == {
        name: stretch.steps for name, stretch in dense.items()
    }
    best = min(note["tried"], key=lambda row: row["training"]["best_loss"])
    assert note["chosen"] == best["schedule"]
    assert best["training"]["best_loss"] < best["training"]["history"][0][1]
    assert dense_loss(base, tmp_path / "dense") == pytest.approx(best["training"]["best_loss"], rel=1e-5)
    kept = {str(path.relative_to(tmp_path / "dense")) for path in (tmp_path / "dense").rglob("*") if path.is_file()}
    files = {f"{name}/{file}" for name in schedules for file in ("metrics.jsonl", "training.json")}
    assert kept == files | {"adapter_config.json", "adapter_model.safetensors", "baseline.json"}


def dense_loss(base, folder):
    with baseline_model(base, folder) as model, packed_attention(model):
        return validation_loss(model, toy_examples(4, seed=9), LANGUAGES, 400)


def test_dense_lora_beside_a_shared_delta_trains_no_layer_less_than_the_mixture(base, adapters, tmp_path, capsys):
    gate = {"joint_learning_rate": 3e-3, "shared_rank": 3, "row_tokens": 300, "init_programs": 4, "gate_steps": 1}
    (options, *_) = dense_options(toy_examples(8), recipe_for(base, gate=gate)).values()
    assert (options.learning_rate, options.row_tokens, options.alpha / options.rank) == (3e-3, 300, 1.0)

    note = make("dense_lora", base, adapters, tmp_path / "dense", gate=gate)
    assert {note["rank"], note["alpha"]} == {2 * RANK + 3}
    assert set(note["targets"]) == {*MLP, *ATTENTION}
    model = copy.deepcopy(base.model)
    shared = {name.removeprefix("base_model.model."): p.numel() for name, p in put_in(model, 3).items()}
    experts = [num_parameters(adapters[name]) for name in LANGUAGES]
    dense = num_parameters(tmp_path / "dense")
    for path, count in dense.items():
        mixture = sum(numel for name, numel in shared.items() if name.startswith(f"{path}.lora_"))
        mixture += sum(expert.get(path, 0) for expert in experts)
        assert count >= mixture > 0
        assert count == mixture or "self_attn" in path
    assert len(shared) == 2 * len(dense)
    assert "cannot route" not in capsys.readouterr().err  # a warning about experts


@pytest.mark.parametrize(
    ("epochs", "joint", "names"),
    [
        (0.4, 0.6, ["joint_epochs", "whole_budget"]),
        (0.6, 0.6, ["joint_epochs", "one_epoch", "whole_budget"]),
        (0.6, 1.0, ["one_epoch", "whole_budget"]),
        (1.4, 0.0, ["one_epoch", "whole_budget"]),
        (0.6, 0.0, ["whole_budget"]),
    ],
)
def test_a_schedule_is_tried_only_where_the_next_is_longer(base, epochs, joint, names):
    gate = {"top_k": 1, "gate_steps": 0, "joint_epochs": joint, "row_tokens": 100}
    experts = {"rank": RANK, "alpha": 8, "epochs": epochs, "row_tokens": 100}
    schedules = dense_options(toy_examples(40), recipe_for(base, experts=experts, gate=gate))
    assert list(schedules) == names
    assert schedules["whole_budget"].epochs == pytest.approx(epochs + joint, abs=0.04)
    assert all(name == "whole_budget" or schedules[name].epochs == (joint or 1.0) for name in names[:1])


def test_a_dense_lora_beside_a_mixture_that_is_not_trained_equals_the_base(base, tmp_path):
    examples = toy_examples(40)
    experts, gate = {"max_steps": 0, "row_tokens": 100}, {"top_k": 1, "gate_steps": 0, "joint_epochs": 0}
    schedules = dense_options(examples, recipe_for(base, experts=experts, gate=gate))
    facts = train_dense(Accelerator(cpu=True), base, examples, examples, LANGUAGES, schedules, 0, tmp_path)
    assert (facts["chosen"], facts["tried"][0]["training"]["steps"]) == ("whole_budget", 0)
    assert not any(pair.B_OR.any() for pair in read_adapter(tmp_path).deltas.values())


def test_the_better_schedule_is_kept_whichever_it_is(base, tmp_path):
    data = (toy_examples(8), toy_examples(4, seed=9), LANGUAGES)
    options = recipe_for(base).experts
    rates = {"bad": 1e-6, "good": 1e-2}
    for order in (("bad", "good"), ("good", "bad")):
        folder = tmp_path / order[0]
        folder.mkdir()
        schedules = {name: options.model_copy(update={"learning_rate": rates[name]}) for name in order}
        note = train_dense(Accelerator(cpu=True), base, *data, schedules, 0, folder)
        assert (note["chosen"], note["learning_rate"]) == ("good", 1e-2)
        losses = {row["schedule"]: row["training"]["best_loss"] for row in note["tried"]}
        assert losses["good"] < 0.9 * losses["bad"]
        write_json(folder / NOTE, {"kind": "adapter", **note})
        assert dense_loss(base, folder) == pytest.approx(losses["good"], rel=1e-5)


class Killed(BaseException):
    """Ends a training as a kill does: nobody catches it."""


def dies_at(monkeypatch, target, name, call, counts=lambda *_: True):
    """Replaces a function by one that raises ``Killed`` in place of the ``call``-th call that counts."""
    calls, original = itertools.count(1), getattr(target, name)

    def dying(*arguments, **keywords):
        if counts(*arguments) and next(calls) == call:
            raise Killed
        return original(*arguments, **keywords)

    monkeypatch.setattr(target, name, dying)


@pytest.mark.parametrize(
    ("moment", "finished", "said"),
    [
        ((loop, "save_checkpoint", 3), [], "dense_lora/one_epoch: resuming after step 2 of 4"),
        ((baselines, "train_adapter", 2), ["one_epoch"], ""),
        ((loop, "save_checkpoint", 9), ["one_epoch"], "dense_lora/whole_budget: resuming after step 4 of 15"),
        # The better adapter's configuration is moved to its place, its weights are not.
        ((Path, "replace", 1, lambda path, _: path.name == WEIGHTS_FILE), ["one_epoch", "whole_budget"], ""),
    ],
)
def test_a_killed_dense_training_goes_on_and_repeats_no_finished_schedule(
    base, adapters, tmp_path, monkeypatch, capsys, moment, finished, said
):
    experts = {"rank": RANK, "alpha": 8, "epochs": 2, "row_tokens": 400, "evaluations": 2, "checkpoint_minutes": 0}
    whole = make("dense_lora", base, adapters, tmp_path / "whole", experts=experts)
    steps = {row["schedule"]: row["training"]["steps"] for row in whole["tried"]}
    assert steps == {"one_epoch": 4, "whole_budget": 15}
    folder = tmp_path / "killed"
    with monkeypatch.context() as patch:
        dies_at(patch, *moment)
        with pytest.raises(Killed):
            make("dense_lora", base, adapters, folder, experts=experts)
    assert [name for name in steps if (folder / name / "training.json").exists()] == finished
    capsys.readouterr()
    assert make("dense_lora", base, adapters, folder, experts=experts) == whole
    shown = capsys.readouterr().err
    assert said in shown
    assert all(f"dense_lora/{name}" not in shown for name in finished)
    for file in ("adapter_config.json", "adapter_model.safetensors", "baseline.json"):
        assert (folder / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()


def test_hidden_gates_are_the_composed_model_with_prompt_gates(base, adapters, tmp_path):
    training = toy_examples(8)
    make("hidden_gates", base, adapters, tmp_path / "hidden")
    with baseline_model(base, tmp_path / "hidden") as model:
        assert is_composed(model)
        found, gates = logits(model), extract_router(model)
    experts = [read_adapter(path, name) for name, path in adapters.items()]
    expected = compose(copy.deepcopy(base.model), experts, "top_k", 1)
    programs = {name: [example for example in training if example.language == name][:4] for name in LANGUAGES}
    with packed_attention(expected):
        initial_gates(expected, programs, "prompts", 8192, Accelerator(cpu=True).autocast)
    assert all(torch.equal(gates[name], gate) for name, gate in extract_router(expected).items())
    assert max(gate.abs().max() for gate in gates.values()) > 0
    torch.testing.assert_close(found, logits(expected))


def pefts_arrow(base, adapters, top_k, seed=0):
    config = ArrowConfig(top_k=top_k, rng_seed=seed)
    return create_arrow_model(copy.deepcopy(base.model), [str(path) for path in adapters.values()], config).eval()


@pytest.mark.parametrize("top_k", [1, 2])
def test_arrow_is_pefts_own(base, adapters, top_k):
    expected = logits(pefts_arrow(base, adapters, top_k))
    with arrow_model(base, list(adapters.values()), top_k, seed=0) as model:
        found = logits(model)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert (found - logits(base.model)).abs().max() > 0.1


def test_arrow_routes_each_token_to_the_deltas_that_stretch_it_most(base, adapters):
    x_TI = torch.randn(50, base.model.config.hidden_size, generator=torch.Generator().manual_seed(1))
    experts = [read_adapter(path) for path in adapters.values()]
    path = "model.layers.1.mlp.up_proj"
    # Fifteen power iterations only come near the singular vector, so tokens that nearly tie are left out.
    scores_TE = torch.stack([(x_TI @ torch.linalg.svd(e.delta(path)).Vh[0]).abs() for e in experts], dim=1)
    is_clear_T = scores_TE.diff(dim=1).abs()[:, 0] > 0.3
    assert is_clear_T.sum() > 20
    with arrow_model(base, list(adapters.values()), 1, seed=0) as model:
        router = model.get_submodule(path).lora_arrow[ROUTER]
        assert isinstance(router, StackedArrow)
        c_TE = router.coefficients(x_TI)
    assert torch.equal((c_TE > 0).sum(dim=1), torch.ones(50, dtype=torch.long))
    torch.testing.assert_close(c_TE.sum(dim=1), torch.ones(50))
    assert torch.equal(c_TE.argmax(dim=1)[is_clear_T], scores_TE.argmax(dim=1)[is_clear_T])
    assert set(c_TE.argmax(dim=1).tolist()) == {0, 1}


class HostCopies(TorchDispatchMode):
    """Records operations that need the host: numbers read from a tensor, tensors made from numbers."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if any(word in str(function) for word in ("_local_scalar_dense", "lift_fresh", "nonzero", "masked_select")):
            self.found.append(str(function))
        return function(*args, **(kwargs or {}))


def test_a_decoding_step_of_arrow_never_asks_the_host(base, adapters):
    def host_copies(model):
        with torch.inference_mode():
            batch = SlotBatch(model, 2, 16, 0.0, 1.0)
            batch.admit(range(2), [[1, 2, 3], [4, 5]])
            with HostCopies() as copies:
                batch.step(2, 16)
        return copies.found

    assert host_copies(pefts_arrow(base, adapters, 1).get_base_model())  # what the layer of our own is for
    with arrow_model(base, list(adapters.values()), 1, seed=0) as model:
        assert host_copies(model) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_baseline_generates_and_leaves_the_base_as_it_was(base, adapters, tmp_path, name):
    before = logits(base.model)
    weights = {key: value.clone() for key, value in base.model.state_dict().items()}
    modules = [id(module) for module in base.model.modules()]
    note = make(name, base, adapters, tmp_path / name)
    assert note["baseline"] == name
    assert [id(module) for module in base.model.modules()] == modules
    prompt = TOKENS[0].tolist()
    with baseline_model(base, tmp_path / name) as model:
        (generation,) = generate(model, [prompt], 6, ())
        ids = list(prompt)
        for _ in range(6):
            with torch.inference_mode():
                ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
        assert generation.ids == ids[len(prompt) :]
        assert not torch.equal(logits(model), before)
    assert [id(module) for module in base.model.modules()] == modules
    assert base.model.state_dict().keys() == weights.keys()
    assert all(torch.equal(value, weights[key]) for key, value in base.model.state_dict().items())
    assert torch.equal(logits(base.model), before)
    assert not any(parameter.requires_grad for parameter in base.model.parameters())


@pytest.mark.parametrize("name", ["linear", "arrow"])
def test_a_half_written_adapter_is_named_and_the_base_stays_clean(base, adapters, tmp_path, name):
    make(name, base, adapters, tmp_path / name)
    weights = next((tmp_path / name).rglob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(CheckpointError, match=r"adapter_model\.safetensors"), baseline_model(base, tmp_path / name):
        pass
    assert not any(isinstance(module, LoraLayer) for module in base.model.modules())


def test_adapters_run_in_the_number_format_of_the_base(base, adapters, tmp_path):
    half = copy.copy(base)
    half.model = copy.deepcopy(base.model).bfloat16()
    for context in (adapted(half, adapters["python"]), arrow_model(half, list(adapters.values()), 1, seed=0)):
        with context as model:
            layers = [module for module in model.modules() if isinstance(module, LoraLayer)]
            assert {p.dtype for layer in layers for p in layer.parameters()} == {torch.bfloat16}
            assert logits(model).dtype == torch.bfloat16


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", ["linear", "arrow"])
def test_generation_on_a_gpu_replays_graphs(base, adapters, tmp_path, monkeypatch, name):
    make(name, base, adapters, tmp_path / name)
    on_gpu = copy.copy(base)
    on_gpu.model = copy.deepcopy(base.model).cuda()
    captured = []
    capture = GraphedStep._capture
    monkeypatch.setattr(GraphedStep, "_capture", lambda step, *sizes: captured.append(sizes) or capture(step, *sizes))
    prompts = TOKENS.tolist()
    with baseline_model(on_gpu, tmp_path / name) as model:
        replayed = generate(model, prompts, 12, ())
        assert captured
        monkeypatch.setattr("moesaic.model.decode.generate.fastest_step", lambda batch: batch.step)
        plain = generate(model, prompts, 12, ())
    assert [generation.ids for generation in replayed] == [generation.ids for generation in plain]
