"""Finds where a model's answer to a problem ends, and makes a program of it."""

from __future__ import annotations

from moesaic.data.fences import cut_at_fence, extract_code
from moesaic.execution.problems import Problem
from moesaic.parsing import encode, parse

__all__ = ["cut_completion", "judged_length", "program_of"]


def cut_completion(problem: Problem, completion: str) -> str:
    """Cuts a completion at the end of the definition that the prompt began; the result goes behind the whole prompt.

    The definition ends where the outermost syntax node around the prompt's last token ends. If the text does not parse,
    everything up to the closing fence is kept.

    The model was shown the prompt without its trailing white space. If the completion begins with that white space, it
    is removed.
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


def judged_length(problem: Problem, completion: str) -> int:
    """Returns how many characters of a completion ``cut_completion`` uses; what comes after them is not judged."""
    given = problem.prompt.rstrip()
    white_space = len(problem.prompt) - len(given) if (given + completion).startswith(problem.prompt) else 0
    return white_space + len(cut_completion(problem, completion).rstrip())


def program_of(problem: Problem, text: str) -> str:
    """Returns the program in a model's text, which is a whole program if the problem is stated in words."""
    if problem.text:
        return problem.wrap(extract_code(text, problem.language))
    return problem.complete(cut_completion(problem, text))
