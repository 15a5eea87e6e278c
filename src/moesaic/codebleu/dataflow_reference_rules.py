"""Tables for ``dataflow_reference``: what the extractors of codebleu 0.7.0 look for in each grammar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """The grammar symbols that one extractor of the package looks for; an empty value means that it has no rule."""

    assignments: frozenset[str]
    declarator: str
    increment: str = ""
    branches: frozenset[str] = frozenset({"if_statement", "else"})
    merge_entry_always: bool = False
    repeat_after: str = ""  # child of a for statement; those after it are evaluated twice
    each: str = ""
    each_fields: tuple[str, str] = ("", "")
    value_field: str = "value"
    value_by_position: bool = False

    def kinds(self) -> frozenset[str]:
        """Returns all grammar symbols to which a rule applies."""
        loops = {"for_statement", "while_statement", self.each}
        return self.assignments | self.branches | loops | {self.declarator, self.increment}


_CSHARP = Rules(
    assignments=frozenset({"assignment_expression"}),
    declarator="variable_declarator",
    increment="postfix_unary_expression",
    repeat_after="local_variable_declaration",
    each="for_each_statement",
    each_fields=("left", "right"),
    value_by_position=True,
)

RULES: Mapping[str, Rules] = {
    "python": Rules(
        assignments=frozenset({"assignment", "augmented_assignment", "for_in_clause"}),
        declarator="default_parameter",
        branches=frozenset({"if_statement"}),
    ),
    "java": Rules(
        assignments=frozenset({"assignment_expression"}),
        declarator="variable_declarator",
        increment="update_expression",
        repeat_after="local_variable_declaration",
        each="enhanced_for_statement",
        each_fields=("name", "value"),
    ),
    "javascript": Rules(
        assignments=frozenset({"assignment_pattern", "augmented_assignment_expression"}),
        declarator="variable_declarator",
        increment="update_expression",
        merge_entry_always=True,
        repeat_after="variable_declaration",
    ),
    "php": Rules(
        assignments=frozenset({"assignment_expression", "augmented_assignment_expression"}),
        declarator="simple_parameter",
        increment="update_expression",
        branches=frozenset({"if_statement", "else_clause"}),
        merge_entry_always=True,
        repeat_after="assignment_expression",
        each="foreach_statement",
        value_field="default_value",
    ),
    "csharp": _CSHARP,
    "cpp": _CSHARP,
    "c": _CSHARP,
}
"""Language -> rules. C and C++ use the rules of C#, as in the package."""
