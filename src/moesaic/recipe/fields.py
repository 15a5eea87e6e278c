"""Describes the keys of a recipe in words; ``docs/recipe.md`` is made from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel


def describe_fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str, str, str]]:
    """Yields (dotted key, type, default as YAML, meaning) of every key, sections in order."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from describe_fields(kind, f"{prefix}{name}.")
            continue
        default = "required" if field.is_required() else _as_yaml(field.default)
        yield f"{prefix}{name}", _type_name(kind, field.metadata), default, (field.description or "").replace("\n", " ")


def _type_name(kind: Any, metadata: Sequence[Any] = ()) -> str:
    """Says in words what a key may hold: ``integer > 0``, ``a | b``, ``list of text``."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        inner, *extra = arguments
        return _type_name(inner, [*metadata, *(part for item in extra for part in getattr(item, "metadata", [item]))])
    if origin is Literal:
        return " | ".join(str(value) for value in arguments)
    if origin is tuple:
        return f"list of {_type_name(arguments[0])}"
    if origin is dict:
        return f"{_type_name(arguments[0])}: {_type_name(arguments[1])}"
    if origin in (Union, UnionType):
        return " | ".join("null" if part is NoneType else _type_name(part) for part in arguments)
    names = {str: "text", int: "integer", float: "number", bool: "true | false", Path: "path"}
    signs = (("gt", ">"), ("ge", ">="), ("lt", "<"), ("le", "<="))
    limits = [
        f"{sign} {limit}" for part in metadata for key, sign in signs if (limit := getattr(part, key, None)) is not None
    ]
    return " ".join([names[kind], ", ".join(limits)]).rstrip()


def _as_yaml(value: Any) -> str:
    plain = (
        [str(item) for item in value] if isinstance(value, tuple) else str(value) if isinstance(value, Path) else value
    )
    text: str = yaml.safe_dump(plain, default_flow_style=True, width=1000)
    return text.removesuffix("\n").removesuffix("\n...")
