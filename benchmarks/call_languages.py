"""Writes a task made of calls in each language: its literals, the prompt that a program continues, and the test.

For ``call_tasks.py``. The prompts have the form that MBXP gives them in each language. The tests are templates of this
file (``call_tests.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from call_names import class_name, function_name, parameter_names
from call_programs import CallTask
from call_tests import TESTS
from call_values import Type, common_type, has_float
from fresh_own_tests import Arguments

_GO = {"int": "int", "long": "int", "float": "float64", "bool": "bool", "str": "string"}
_JAVA = {"int": "int", "long": "long", "float": "double", "bool": "boolean", "str": "String"}
_JAVA_BOXED = {"int": "Integer", "long": "Long", "float": "Double", "bool": "Boolean", "str": "String"}
_TYPESCRIPT = {"int": "number", "long": "number", "float": "number", "bool": "boolean", "str": "string"}
_CPP = {"int": "int", "long": "long long", "float": "double", "bool": "bool", "str": "string"}
_UNKNOWN = Type("")


@dataclass(frozen=True)
class Signature:
    """A task's function as a language writes it, and its tests.

    Attributes:
        title: The task in words.
        name: Name of the function.
        parameters: Names of its parameters.
        types: Types of its parameters; unknown in a language that does not write them.
        result: Type of its result; likewise.
        calls: Arguments and results; the first two are examples.
    """

    title: str
    name: str
    parameters: tuple[str, ...]
    types: tuple[Type, ...]
    result: Type
    calls: Sequence[tuple[Arguments, Any]]


def problem_of(task: CallTask, language: str) -> dict[str, str]:
    """Returns a task as a problem of moesaic's own format in a language.

    Raises:
        NoTypeError: The language writes types, and there is none for a parameter or for the result.
    """
    name = task.entry if language == "python" else function_name(task.entry, language)
    parameters = task.parameters if language == "python" else parameter_names(task.parameters, name, language)
    types: tuple[Type, ...] = tuple(_UNKNOWN for _ in parameters)
    result = _UNKNOWN
    if language in _TYPED:
        types = tuple(map(common_type, zip(*(arguments for arguments, _ in task.calls), strict=True)))
        result = common_type(value for _, value in task.calls)
    signature = Signature(task.title, name, parameters, types, result, task.calls)
    row = {
        "id": f"{task.id}/{language}",
        "language": language,
        "prompt": _PROMPTS[language](signature),
        "test": _test(signature, language),
    }
    if language == "python":
        row["solution"] = task.body
    return row


def _test(signature: Signature, language: str) -> str:
    template = TESTS[language]
    calls: list[str] = []
    for number, (arguments, expected) in enumerate(signature.calls, 1):
        pairs = zip(arguments, signature.types, strict=True)
        given = [literal(value, kind, language) for value, kind in pairs]
        name = f"{class_name(signature.name)}.{signature.name}" if language == "java" else signature.name
        wanted = literal(expected, signature.result, language)
        calls.append(template.call(name, given, wanted, number))
    tolerance = "1e-6" if any(has_float(expected) for _, expected in signature.calls) else "0"
    return template.text.replace("TOLERANCE", tolerance).replace("CALLS\n", "".join(calls))


def literal(value: Any, kind: Type, language: str, short: bool = False) -> str:
    """Returns a value as a language writes it.

    Args:
        value: The value.
        kind: Its type, in a language that writes types.
        language: The language.
        short: Whether it is for people: without the types that only a compiler needs.
    """
    if isinstance(value, list):
        parts = ", ".join(literal(part, kind.element, language, short) for part in value)
        return _LISTS[language](parts, kind, short)
    if isinstance(value, bool):
        return str(value) if language == "python" else str(value).lower()
    if isinstance(value, str):
        return _text(value, language, short)
    if kind.kind == "float" or isinstance(value, float):
        if language in ("javascript", "typescript") and value == int(value):
            return str(int(value))
        return repr(float(value))
    suffix = {"java": "L", "cpp": "LL"}.get(language, "") if kind.kind == "long" and not short else ""
    return f"{value}{suffix}"


def _text(value: str, language: str, short: bool) -> str:
    if language == "python":
        return repr(value)
    value = value.replace('"', '\\"')
    if language == "php":
        value = value.replace("$", "\\$")
    if language == "ruby":
        value = value.replace("#", "\\#")
    return f'string("{value}")' if language == "cpp" and not short else f'"{value}"'


def _brackets(parts: str, kind: Type, short: bool) -> str:
    return f"[{parts}]"


def _java_list(parts: str, kind: Type, short: bool) -> str:
    if short:
        return f"[{parts}]"
    return f"new ArrayList<{_java_type(kind.element, boxed=True)}>({f'Arrays.asList({parts})' if parts else ''})"


_LISTS: Mapping[str, Callable[[str, Type, bool], str]] = {
    **dict.fromkeys(("python", "ruby", "php", "javascript", "typescript"), _brackets),
    "go": lambda parts, kind, short: f"{_go_type(kind)}{{{parts}}}",
    "java": _java_list,
    "cpp": lambda parts, kind, short: f"{'' if short else _cpp_type(kind)}{{{parts}}}",
}


def _go_type(kind: Type) -> str:
    return "[]" * kind.depth + _GO[kind.kind]


def _java_type(kind: Type, boxed: bool = False) -> str:
    if not kind.depth:
        return (_JAVA_BOXED if boxed else _JAVA)[kind.kind]
    return f"List<{_java_type(kind.element, boxed=True)}>"


def _typescript_type(kind: Type) -> str:
    return f"Array<{_typescript_type(kind.element)}>" if kind.depth else _TYPESCRIPT[kind.kind]


def _cpp_type(kind: Type) -> str:
    return f"vector<{_cpp_type(kind.element)}>" if kind.depth else _CPP[kind.kind]


def _examples(signature: Signature, language: str, call: str, result: str) -> list[str]:
    """Returns the lines of the two examples, each with what the language's shell writes before it."""
    lines: list[str] = []
    for arguments, expected in signature.calls[:2]:
        pairs = zip(arguments, signature.types, strict=True)
        given = ", ".join(literal(value, kind, language, short=True) for value, kind in pairs)
        lines.append(f"{call}{signature.name}({given})")
        lines.append(f"{result}{literal(expected, signature.result, language, short=True)}")
    return lines


def _sentence(signature: Signature) -> str:
    return signature.title if signature.title.endswith(("?", "!")) else f"{signature.title}."


def _block(lines: Sequence[str], indent: str = "") -> str:
    return "\n".join([f"{indent}/**", *(f"{indent} * {line}".rstrip() for line in lines), f"{indent} */"]) + "\n"


def _python(signature: Signature) -> str:
    lines = ['"""', _sentence(signature), *_examples(signature, "python", ">>> ", ""), '"""']
    head = f"def {signature.name}({', '.join(signature.parameters)}):\n"
    return head + "".join(f"    {line}\n" for line in lines)


def _ruby(signature: Signature) -> str:
    lines = [_sentence(signature), "", *_examples(signature, "ruby", "irb> ", "=> ")]
    comment = "".join(f"# {line}".rstrip() + "\n" for line in lines)
    return f"##\n{comment}def {signature.name}({', '.join(signature.parameters)})\n"


def _go(signature: Signature) -> str:
    lines = [_sentence(signature), "Examples:", *_examples(signature, "go", ">>> ", ">>> ")]
    comment = "".join(f"// {line}\n" for line in lines)
    pairs = zip(signature.parameters, signature.types, strict=True)
    parameters = ", ".join(f"{name} {_go_type(kind)}" for name, kind in pairs)
    return f"package main\n\n{comment}func {signature.name}({parameters}) {_go_type(signature.result)} {{\n"


def _php(signature: Signature) -> str:
    lines = [_sentence(signature), "", *_examples(signature, "php", "php > ", "")]
    parameters = ", ".join(f"${name}" for name in signature.parameters)
    return f"<?php\n\n{_block(lines)}function {signature.name}({parameters}) {{\n"


def _typescript(signature: Signature) -> str:
    lines = [_sentence(signature), "", "Examples:", *_examples(signature, "typescript", ">>> ", ">>> ")]
    pairs = zip(signature.parameters, signature.types, strict=True)
    parameters = ", ".join(f"{name}: {_typescript_type(kind)}" for name, kind in pairs)
    result = _typescript_type(signature.result)
    return f"{_block(lines)}const {signature.name} = function ({parameters}): {result} {{\n"


def _javascript(signature: Signature) -> str:
    lines = [_sentence(signature), "", *_examples(signature, "javascript", "> ", "")]
    return f"{_block(lines)}function {signature.name}({', '.join(signature.parameters)}) {{\n"


def _java(signature: Signature) -> str:
    lines = [_sentence(signature), "", *_examples(signature, "java", "> ", "")]
    pairs = zip(signature.parameters, signature.types, strict=True)
    parameters = ", ".join(f"{_java_type(kind)} {name}" for name, kind in pairs)
    head = f"import java.util.*;\nimport java.math.*;\n\n\nclass {class_name(signature.name)} {{\n"
    function = f"    public static {_java_type(signature.result)} {signature.name}({parameters}) {{\n"
    return f"{head}{_block(lines, '    ')}{function}"


def _cpp(signature: Signature) -> str:
    lines = [_sentence(signature), *_examples(signature, "cpp", "> ", "")]
    pairs = zip(signature.parameters, signature.types, strict=True)
    parameters = ", ".join(f"{_cpp_type(kind)} {name}" for name, kind in pairs)
    head = "#include <bits/stdc++.h>\nusing namespace std;\n\n\n"
    return f"{head}{_block(lines)}{_cpp_type(signature.result)} {signature.name}({parameters}) {{\n"


_TYPED = frozenset({"go", "typescript", "java", "cpp"})
_PROMPTS: Mapping[str, Callable[[Signature], str]] = {
    "python": _python,
    "ruby": _ruby,
    "go": _go,
    "php": _php,
    "typescript": _typescript,
    "javascript": _javascript,
    "java": _java,
    "cpp": _cpp,
}
LANGUAGES = tuple(_PROMPTS)
"""Languages in which tasks can be written."""


if __name__ == "__main__":
    raise SystemExit("call_languages.py is a part of other scripts: run call_tasks.py")
