"""Judges programs in several processes: each judges a share, and all get every result."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from torch import Tensor

from moesaic.data.prompts import PromptFormat
from moesaic.model.decode.generate import Generation
from moesaic.ranks import Ranks
from moesaic.train.samples import Judgement, Measure, Sample, Task


def own_judgements(
    ranks: Ranks,
    measures: Sequence[Measure],
    tasks: Sequence[Sequence[Task]],
    generations: Sequence[Sequence[Generation]],
    prompt: PromptFormat,
    *,
    deciding: bool = False,
) -> list[list[Judgement]]:
    """Returns, for each measure, the judgements of this process's share of the programs.

    Args:
        ranks: The processes.
        measures: The rewards.
        tasks: For each measure, its tasks.
        generations: For each measure, the program of each task.
        prompt: Decodes the programs.
        deciding: Whether scores are needed in addition to rewards.
    """
    return [
        measure.judgements(ranks.share(own), ranks.share(written), prompt, deciding=deciding)
        for measure, own, written in zip(measures, tasks, generations, strict=True)
    ]


def judged_samples(
    ranks: Ranks,
    tasks: Sequence[Sequence[Task]],
    generations: Sequence[Sequence[Generation]],
    own: Sequence[Sequence[Judgement]],
    old_losses: Sequence[Sequence[Tensor]] | None = None,
) -> list[list[Sample]]:
    """Exchanges judgements between processes and returns each measure's judged programs, the same in all processes.

    Args:
        ranks: The processes. All of them have to call this function.
        tasks: For each measure, its tasks.
        generations: For each measure, the program of each task.
        own: The result of ``own_judgements`` in this process.
        old_losses: For each measure, ``Sample.old_losses`` of its programs; None if there are none.
    """
    groups = []
    for place, shares in enumerate(zip(*ranks.gather(own), strict=True)):
        judged = zip(tasks[place], generations[place], ranks.merge(shares), strict=True)
        old = itertools.repeat(None) if old_losses is None else old_losses[place]
        groups.append([Sample(*parts, losses) for parts, losses in zip(judged, old, strict=False)])
    return groups


def sums(shares: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Returns the sum over processes of the value of each name."""
    names = dict.fromkeys(name for share in shares for name in share)
    return {name: sum(share.get(name, 0.0) for share in shares) for name in names}
