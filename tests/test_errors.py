import inspect

import pytest

from moesaic import errors
from moesaic.errors import DependencyError, MoesaicError, RecipeError

CLASSES = [item for _, item in inspect.getmembers(errors, inspect.isclass) if item.__module__ == errors.__name__]


def test_every_class_is_in_the_tree_and_in_its_drawing():
    assert len(CLASSES) >= 9
    for item in CLASSES:
        assert issubclass(item, MoesaicError)
        assert item.__name__ in errors.__doc__
        assert item.__doc__


def test_recipe_error_lists_every_problem():
    error = RecipeError(["a: wrong", "b: wrong too"], "my.yaml")
    assert str(error) == "my.yaml: 2 problems\n  - a: wrong\n  - b: wrong too"
    assert error.problems == ["a: wrong", "b: wrong too"]
    assert str(RecipeError(["a: wrong"])).startswith("recipe: 1 problem\n")


def test_dependency_error_says_how_to_install():
    message = str(DependencyError("bitsandbytes", "quant", "base.quantize: nf4"))
    assert message == "base.quantize: nf4 needs the package 'bitsandbytes': pip install 'moesaic[quant]'"


def test_one_handler_catches_all():
    with pytest.raises(MoesaicError):
        raise DependencyError("a", "b", "c")
