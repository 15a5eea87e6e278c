"""What a plan says of time and memory, and how it is measured."""

import pytest

from moesaic.pipeline import calibration, plan
from moesaic.pipeline.calibration import Cost, Costs, costs_of
from moesaic.pipeline.plan import Plan, cost_lines, duration, make_plan, print_plan
from moesaic.pipeline.stages import Run
from moesaic.recipe import load_recipe
from moesaic.train.budget import Stretch
from test_pipeline import write_recipe

COSTS = Costs(Cost(1.0, 10), Cost(2.0, 11), Cost(3.0, 12), Cost(0.5, 13), Cost(4.0, 9))


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("MOESAIC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(calibration, "_ROW_SECONDS", 0.05)
    monkeypatch.setattr(calibration.os, "getloadavg", lambda: (0.0, 0.0, 0.0))
    run = Run(load_recipe(write_recipe(tmp_path), ["gate.shared_rank=2", "gate.anchor=true"]))
    run(("data",))
    return run


def test_costs_are_measured_once_and_leave_the_base_as_it_was(run, tmp_path, monkeypatch):
    before = {name: tensor.clone() for name, tensor in run.base.model.state_dict().items()}
    model = run.base.model
    costs = costs_of(run)
    assert {name: bool((tensor == before[name]).all()) for name, tensor in model.state_dict().items()} == dict.fromkeys(
        before, True
    )
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert "base" not in vars(run)
    for cost in vars(costs).values():
        assert 0 < cost.seconds < 60
        assert 2**26 < cost.memory < 2**34
    monkeypatch.setattr(calibration, "_measure", None)
    assert costs_of(run) == costs
    (kept,) = (tmp_path / "cache" / "costs").iterdir()
    kept.write_text("{}")
    with pytest.raises(TypeError):  # measured again
        costs_of(run)


@pytest.mark.parametrize("tokens", [1, 2, 255, 256, 257, 258, 512, 769])
def test_the_row_that_is_measured_has_the_length_that_the_machines_speed_asks_for(run, tokens):
    """Also if what is left for its last document is a single token."""
    row = calibration._row(run, tokens)
    assert row.batch.num_tokens == max(2, tokens + (tokens % calibration._DOCUMENT == 1))


def test_what_was_measured_on_a_busy_machine_is_not_kept(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(calibration.os, "getloadavg", lambda: (1000.0, 0.0, 0.0))
    monkeypatch.setattr(calibration, "_measure", lambda _: COSTS)
    assert costs_of(run) == COSTS
    assert "load 1000" in capsys.readouterr().err
    assert not (tmp_path / "cache" / "costs").exists()


def test_a_cache_that_cannot_be_written_to_is_no_failure(run, tmp_path, monkeypatch):
    monkeypatch.setattr(calibration, "_measure", lambda _: COSTS)
    (tmp_path / "cache").write_text("a file")
    assert costs_of(run) == COSTS


def test_every_row_of_a_plan_has_its_time():
    stretches = [
        Stretch("experts/python", 1, 10, 2, 100),
        Stretch("gate: gates", 1, 10, 2, 100),
        Stretch("gate: joint", 1, 10, 2, 100),
        Stretch("reward", 1, 10, 2, 100),
        Stretch("baselines/dense_lora: one_epoch", 1, 10, 2, 100),
        Stretch("predict: losses", 1, 10, None, 100),
    ]
    made = Plan(stretches, {"predict: programs": (3, 30)}, {"experts/python": 40})
    assert made.seconds(COSTS) == {
        "experts/python": 100 + 20,
        "gate: gates": 200,
        "gate: joint": 300,
        "reward": 300,
        "baselines/dense_lora: one_epoch": 100,
        "predict: losses": 50,
        "predict: programs": 120,
    }


def test_a_plan_counts_validations(run):
    made = make_plan(run)
    tokens = sum(len(example.ids) for example in run.encoded("validation", ("python",)))
    assert made.validations["experts/python"] == (1 + run.recipe.experts.evaluations) * tokens


@pytest.mark.parametrize(
    ("row", "advice"),
    [
        ("predict: programs", "a lower predict.limit (now 3)"),
        ("experts/python", "data.train_limit, or fewer experts.epochs (now 2)"),
        ("gate: joint", "fewer gate.joint_epochs (now 1)"),
        ("baselines/ties: validation", "fewer systems in compare"),
    ],
)
def test_a_long_run_is_warned_of_with_what_makes_it_shorter(run, row, advice):
    lines = cost_lines({row: 5 * 3600.0, "reward": 60.0}, COSTS, run.recipe)
    assert "takes about 5.0 h on this machine" in lines[0]
    assert f"most of it is {row} (5.0 h): try " in lines[1]
    assert advice in lines[1]
    assert len(cost_lines({row: 3 * 3600.0}, COSTS, run.recipe)) == 1


def test_too_little_memory_is_warned_of(run, monkeypatch):
    monkeypatch.setattr(calibration, "machine_memory", lambda: 13)
    assert "the memory may not be enough" in cost_lines({"reward": 1.0}, COSTS, run.recipe)[-1]


def test_a_plan_without_memory_to_measure_is_a_plan_all_the_same(run, monkeypatch, capsys):
    def full(_):
        raise MemoryError

    monkeypatch.setattr(calibration, "_measure", full)
    print_plan(run)
    said = capsys.readouterr()
    assert "tokens through the model" in said.out
    assert "the memory is too small even for short rows" in said.err


def test_a_finished_run_is_not_measured(run, monkeypatch, capsys):
    monkeypatch.setattr(plan, "_costs", None)
    monkeypatch.setattr(run, "to_do", lambda: {"data": "finished", "gate": "finished", "report": "to do, each time"})
    print_plan(run)
    assert "takes about" not in capsys.readouterr().out


def test_stages_are_named_in_full_on_a_narrow_terminal(run, monkeypatch, capsys):
    names = ("experts/sql-postgresql", "baselines/dense_lora_keep: same budget")
    stretches = [Stretch(name, 39, 3_909, 12, 11_727) for name in names]
    monkeypatch.setattr(plan, "make_plan", lambda _: Plan(stretches, {"predict: humaneval-x": (36, 5_760)}, {}))
    monkeypatch.setattr(plan, "_costs", lambda _: COSTS)
    monkeypatch.setenv("COLUMNS", "80")
    print_plan(run)
    said = capsys.readouterr().out
    for word in ("experts/sql-postgresql", "baselines/dense_lora_keep:", "humaneval-x", "11,727", "3,909"):
        assert f" {word} " in said


@pytest.mark.parametrize(("threads", "said"), [(1, "a CPU with 1 thread"), (2, "a CPU with 2 threads")])
def test_a_cpu_is_named_by_its_threads(threads, said, monkeypatch):
    monkeypatch.setattr(calibration.torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(calibration.torch, "get_num_threads", lambda: threads)
    assert calibration.machine() == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "1 s"), (59, "59 s"), (61, "1 min"), (5000, "83 min"), (6000, "1.7 h"), (50_000, "14 h"), (1e6, "12 days")],
)
def test_durations(seconds, said):
    assert duration(seconds) == said
