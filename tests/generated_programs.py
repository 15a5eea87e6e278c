"""Random programs for property tests: one abstract program, written in each of the study's languages."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

NAMES = ("alpha", "beta", "gamma", "delta")


@dataclass(frozen=True)
class Statement:
    kind: str  # assign, add, if, while, each
    name: str
    value: str
    body: tuple[Statement, ...] = ()


_names = st.sampled_from(NAMES)
_values = st.one_of(_names, st.integers(0, 9).map(str), st.tuples(_names, _names).map(lambda pair: " + ".join(pair)))
_simple = st.builds(Statement, st.sampled_from(["assign", "add"]), _names, _values)
_statements = st.recursive(
    _simple,
    lambda inner: st.builds(
        Statement,
        st.sampled_from(["if", "while", "each"]),
        _names,
        _names,
        st.lists(inner, min_size=1, max_size=3).map(tuple),
    ),
    max_leaves=8,
)
programs = st.lists(_statements, min_size=1, max_size=5).map(tuple)


def write(program: tuple[Statement, ...], language: str) -> str:
    """Writes a program in a language; the four names are its parameters."""
    return {"python": _python, "java": _java, "javascript": _javascript, "cpp": _cpp}[language](program)


def _python(program: tuple[Statement, ...]) -> str:
    lines = [f"def run({', '.join(NAMES)}):"]

    def add(statement: Statement, indent: str) -> None:
        name, value = statement.name, statement.value
        head = {
            "assign": f"{name} = {value}",
            "add": f"{name} += {value}",
            "if": f"if {name} > {value}:",
            "while": f"while {name} < {value}:",
            "each": f"for item in {value}:",
        }[statement.kind]
        lines.append(indent + head)
        for inner in statement.body:
            add(inner, indent + "    ")

    for statement in program:
        add(statement, "    ")
    return "\n".join([*lines, f"    return {NAMES[0]}", ""])


def _braces(program: tuple[Statement, ...], each: str) -> str:
    parts: list[str] = []

    def add(statement: Statement) -> None:
        name, value = statement.name, statement.value
        parts.append(
            {
                "assign": f"{name} = {value};",
                "add": f"{name} += {value};",
                "if": f"if ({name} > {value}) {{",
                "while": f"while ({name} < {value}) {{",
                "each": each.format(value=value) + " {",
            }[statement.kind]
        )
        for inner in statement.body:
            add(inner)
        if statement.body:
            parts.append("}")

    for statement in program:
        add(statement)
    return "\n".join([*parts, f"return {NAMES[0]};"])


def _java(program: tuple[Statement, ...]) -> str:
    parameters = ", ".join(f"int {name}" for name in NAMES)
    return f"class Program {{ static int run({parameters}) {{\n{_braces(program, 'for (int item : {value})')}\n}} }}\n"


def _javascript(program: tuple[Statement, ...]) -> str:
    return f"function run({', '.join(NAMES)}) {{\n{_braces(program, 'for (const item of {value})')}\n}}\n"


def _cpp(program: tuple[Statement, ...]) -> str:
    parameters = ", ".join(f"int {name}" for name in NAMES)
    return f"int run({parameters}) {{\n{_braces(program, 'for (auto item : {value})')}\n}}\n"
