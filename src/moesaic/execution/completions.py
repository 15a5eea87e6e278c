"""Finds where a model's answer to a problem ends, and makes a program of it."""

from __future__ import annotations

from moesaic.data.fences import cut_at_fence, extract_code
from moesaic.execution.problems import Problem
from moesaic.parsing import encode, parse

__all__ = ["cut_completion", "program_of"]


def cut_completion(problem: Problem, completion: str) -> str:
    """Returns a completion up to the end of the definition that the prompt began, to be put behind the whole prompt.

    The model was shown the prompt without the white space at its end; where it wrote that itself, it is taken off.

    The end is that of the outermost syntax node around the prompt's last token; where the text does not parse, all up
    to the closing fence is kept.
    """
    written = cut_at_fence(problem.prompt.rstrip() + completion, problem.language)
    completion = written.removeprefix(problem.prompt if written.startswith(problem.prompt) else problem.prompt.rstrip())
    begun = encode(problem.prompt.rstrip())
    whole = encode(problem.prompt + completion)
    for node in parse(problem.prompt + completion, problem.language).root_node.children:
        if node.start_byte < len(begun) <= node.end_byte:
            if node.type == "ERROR" or node.end_byte <= len(encode(problem.prompt)):
                break
            return whole[len(encode(problem.prompt)) : node.end_byte].decode(errors="replace") + "\n"
    return completion


def program_of(problem: Problem, text: str) -> str:
    """Returns the program that a model's text makes: a whole one where the problem is told in words."""
    if problem.text:
        return problem.wrap(extract_code(text, problem.language))
    return problem.complete(cut_completion(problem, text))
