import inspect
import pickle
import re

import pytest

from moesaic import cli, errors
from moesaic.errors import DependencyError, MoesaicError, ProcessError, RecipeError

CLASSES = [item for _, item in inspect.getmembers(errors, inspect.isclass) if item.__module__ == errors.__name__]


def test_the_drawing_is_the_tree():
    drawn = re.findall(r"^ *(├── |└── |)([A-Z]\w+Error) ", errors.__doc__, flags=re.MULTILINE)
    assert {name for _, name in drawn} == {item.__name__ for item in CLASSES}
    parents = {item.__name__: item.__base__ for item in CLASSES}
    assert {parents[name] for branch, name in drawn if branch} == {MoesaicError}
    assert [parents[name] for branch, name in drawn if not branch] == [Exception]


def test_recipe_error_lists_every_problem():
    error = RecipeError(["a: wrong", "b: wrong too"], "my.yaml")
    assert str(error) == "my.yaml: 2 problems\n  - a: wrong\n  - b: wrong too"
    assert error.problems == ["a: wrong", "b: wrong too"]
    assert str(RecipeError(["a: wrong"])).startswith("recipe: 1 problem\n")


@pytest.mark.parametrize(
    "error",
    [RecipeError(["a: wrong"], "my.yaml"), DependencyError("a", "b", "c"), ProcessError("gone", "killed", True)],
)
def test_errors_arrive_from_other_processes_as_they_were(error):
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_dependency_error_says_how_to_install():
    message = str(DependencyError("bitsandbytes", "quant", "base.quantize: nf4"))
    assert message == "base.quantize: nf4 needs the package 'bitsandbytes': pip install 'moesaic[quant]'"


@pytest.mark.parametrize("kind", CLASSES)
def test_the_command_line_shows_a_message_and_no_traceback(kind, monkeypatch, capsys):
    made = {RecipeError: lambda: kind(["a: wrong"]), DependencyError: lambda: kind("a", "b", "c")}
    error = made.get(kind, lambda: kind("x is 3; set y"))()

    def command():
        raise error

    for name in ("TOKENIZERS_PARALLELISM", "HF_HUB_DISABLE_TELEMETRY", "TRANSFORMERS_VERBOSITY"):
        monkeypatch.setenv(name, "1")  # set for good otherwise
    monkeypatch.setattr(cli, "app", command)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == kind.exit_code
    said = capsys.readouterr()
    assert said.err == f"error: {error}\n"
    assert said.out == ""
