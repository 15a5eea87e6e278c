"""Generates programs in all processes of a run: each takes a share of the prompts and gets all answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from moesaic.data.prompts import PromptFormat
from moesaic.model.decode.generate import Generation, generate
from moesaic.progress import Bar
from moesaic.ranks import Ranks


def generate_together(
    ranks: Ranks,
    model: Any,
    prompt: PromptFormat,
    prompts: Sequence[Sequence[int]],
    title: str,
    unit: str = "programs",
    **options: Any,
) -> list[Generation]:
    """Continues prompts and shows a progress bar.

    The random stream of each prompt does not depend on the number of processes.

    Args:
        ranks: The processes.
        model: The model, the same in each process.
        prompt: Provides the stop tokens.
        prompts: All prompts, as token ids.
        title: Title of the progress bar, which counts this process's share.
        unit: Name of what is generated, in the plural.
        **options: Further arguments of ``generate``.

    Returns:
        One ``Generation`` per prompt, in the order of the prompts.
    """
    own = ranks.share(range(len(prompts)))
    num_tokens = 0
    with Bar(title, len(own), unit) as bar:

        def count(new: int) -> None:
            nonlocal num_tokens
            num_tokens += new
            bar.advance(0, tokens=num_tokens)

        generations = generate(
            model,
            [prompts[index] for index in own],
            stop_ids=prompt.stop_ids,
            on_progress=bar.advance,
            on_step=count,
            streams=own,
            **options,
        )
    return ranks.merge(ranks.gather(generations))
