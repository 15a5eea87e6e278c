"""Prepares ``results.json`` for tables and charts: rows of systems, means over languages.

The row ``experts`` is each language's own expert, the oracle choice that a Mixture-of-Experts is measured against.
Means are taken over the languages of the run. A system that lacks some of them is shown with the number of languages
that it has, and is never marked as the best.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from moesaic.errors import CheckpointError
from moesaic.languages import find_language, part_word

EXPERT_PREFIX = "expert:"
MISSING = "\N{EN DASH}"

SMALLEST_N = 30
"""Smallest number of problems with which a difference is called better or worse.

The intervals of a percentile bootstrap over few problems are too narrow. With 4 problems, they exclude a true
difference of zero in a fifth to a quarter of all cases instead of in a twentieth; with 30, in a thirteenth
(docs/decisions/0018-the-smallest-n.md).
"""


@dataclass(frozen=True, slots=True)
class Metric:
    """How a metric is shown.

    Attributes:
        key: Name in ``results.json``.
        title: Name for people.
        unit: Unit, for axes and captions.
        lower_is_better: Whether lower values are better, as for a loss.
        percent: Whether values are shown as percentages.
    """

    key: str
    title: str
    unit: str = "0 to 1"
    lower_is_better: bool = False
    percent: bool = False

    def format(self, value: float | None) -> str:
        """Returns the value with a suitable number of digits, or a dash for None."""
        if value is None:
            return MISSING
        return f"{100 * value:.1f}%" if self.percent else f"{value:.3f}"

    def format_change(self, value: float) -> str:
        """Returns a difference with its sign, in points for a percentage. A value that rounds to zero has no minus."""
        digits = 1 if self.percent else 3
        return f"{round(100 * value if self.percent else value, digits) + 0.0:+.{digits}f}"


METRICS = {
    metric.key: metric
    for metric in (
        Metric("loss", "Loss", "nats per code token", lower_is_better=True),
        Metric("codebleu", "CodeBLEU"),
        Metric("pass@1", "pass@1", "share of programs", percent=True),
        Metric("parse_share", "Parses", "share of programs", percent=True),
        Metric("bleu", "BLEU"),
        Metric("exact_match", "Exact match", "share of programs", percent=True),
        Metric("codebleu_reference", "CodeBLEU, reference protocol"),
    )
}
"""How each metric of ``results.json`` is shown, by its key, in the order of the tables."""

_TITLES = {
    "base": "Base",
    "experts": "Own experts",
    "moe": "MoE",
    "moe:likelihood": "MoE before the reward",
    "linear": "Linear merge",
    "ties": "TIES merge",
    "dare_ties": "DARE-TIES merge",
    "dense_lora": "Dense LoRA",
    "dense_lora_keep": "Dense LoRA, base kept",
    "dense_lora_reward": "Dense LoRA, rewarded",
    "moe_gates": "MoE before joint training",
    "hidden_gates": "MoE, hidden-state gates",
    "arrow": "Arrow",
}


@dataclass(frozen=True, slots=True)
class Score:
    """A value with its sample size and interval.

    Attributes:
        value: Value in the metric's unit; None if it is not defined.
        n: Number of examples.
        low: Lower end of the 95% interval.
        high: Upper end of the 95% interval.
        num_languages: Number of languages that the value is a mean of.
        problems: Number of problems, if it was counted. The same problem in several languages counts once.
    """

    value: float | None
    n: int = 0
    low: float | None = None
    high: float | None = None
    num_languages: int = 1
    problems: int | None = None

    @property
    def num_problems(self) -> int:
        """Number of problems; if they were not counted, the number of examples per language."""
        return self.problems if self.problems is not None else self.n // max(1, self.num_languages)

    @property
    def is_certain(self) -> bool:
        """Whether the interval of a difference excludes 0 and there are at least ``SMALLEST_N`` problems."""
        known = self.low is not None and self.high is not None and self.num_problems >= SMALLEST_N
        return known and not self.low <= 0 <= self.high  # type: ignore[operator]


def metric_of(key: str) -> Metric:
    """Returns how a metric is shown: ``pass@1 mbxp`` like ``pass@1``, an unknown metric as a score from 0 to 1."""
    known = METRICS.get(key.partition(" ")[0])
    return Metric(key, key) if known is None else replace(known, key=key, title=known.title + key[len(known.key) :])


def system_title(system: str) -> str:
    """Returns the name of a system for people."""
    if system.startswith(EXPERT_PREFIX):
        return f"{language_title(system.removeprefix(EXPERT_PREFIX))} expert"
    return _TITLES.get(system, system)


def language_title(language: str) -> str:
    """Returns the name of a language for people."""
    row = find_language(language)
    return language if row is None else row.title


class Summary:
    """Read access to the scores of one ``results.json``.

    Args:
        results: The parsed file.

    Attributes:
        languages: Languages of the run, in the recipe's order.
        metrics: Metrics that at least one system has.
        rows: Systems of the table: ``base``, ``experts``, ``moe``, then baselines.
        part: Word for the run's parts: ``domain`` if all of them are domains, otherwise ``language``.

    Raises:
        CheckpointError: The file does not contain a table of systems.
    """

    def __init__(self, results: Mapping[str, Any]) -> None:
        systems = results.get("systems") if isinstance(results, Mapping) else None
        if not isinstance(systems, Mapping):
            raise CheckpointError("results.json holds no 'systems': delete it and run the stage evaluate again")
        self._systems = {str(name): as_mapping(metrics) for name, metrics in systems.items()}
        self._paired = as_mapping(results.get("paired"))
        self.languages = list(dict.fromkeys([*_recipe_languages(results), *self._found_languages()]))
        found = dict.fromkeys(key for metrics in self._systems.values() for key in metrics)
        places = {key: place for place, key in enumerate(METRICS)}  # the pass@1 of benchmarks has the place of pass@1
        in_order = sorted(found, key=lambda key: places.get(key.partition(" ")[0], len(places)))
        self.metrics = [metric_of(key) for key in in_order]
        self.rows = list(self._rows())
        self.part = part_word(self.languages)

    @property
    def parts(self) -> str:
        """The plural of ``part``."""
        return f"{self.part}s"

    @property
    def likeness(self) -> Metric | None:
        """The best metric for the likeness of programs to references: CodeBLEU, or BLEU if CodeBLEU is missing."""
        by_key = {metric.key: metric for metric in self.metrics}
        return next((by_key[key] for key in ("codebleu", "bleu") if key in by_key), None)

    @property
    def experts(self) -> list[str]:
        """Languages with an expert: first those of ``languages``, in that order, then others."""
        names = [name.removeprefix(EXPERT_PREFIX) for name in self._systems if name.startswith(EXPERT_PREFIX)]
        return [name for name in self.languages if name in names] + [n for n in names if n not in self.languages]

    def score(self, system: str, metric: str, language: str) -> Score:
        """Returns the score of a system in a language; its value is None if it is missing."""
        if system == "experts" and "experts" not in self._systems:
            system = EXPERT_PREFIX + language
        return _score(as_mapping(self._systems.get(system, {}).get(metric)).get(language))

    def minus(self, system: str, metric: str, language: str = "mean") -> Score:
        """Returns MoE minus a system, paired by program, in a language or as the mean over languages.

        The value is None if the run has no such comparison, like runs that were made before it existed.
        """
        score = _score(as_mapping(as_mapping(self._paired.get(system)).get(metric)).get(language))
        return replace(score, num_languages=len(self.languages)) if language == "mean" else score

    def mean(self, system: str, metric: str, languages: Iterable[str] | None = None) -> Score:
        """Returns the mean over languages.

        Its interval is the mean of the languages' intervals. The true interval is not wider than that; it would be as
        wide if the languages, which pose the same problems, varied together.

        Args:
            system: Name of the system.
            metric: Key of the metric.
            languages: Languages to average over; those of the run by default.
        """
        scores = [self.score(system, metric, language) for language in languages or self.languages]
        known = [score for score in scores if score.value is not None]
        if not known:
            return Score(None, num_languages=0)
        return Score(
            _mean(score.value for score in known),
            sum(score.n for score in known),
            _mean(score.low for score in known),
            _mean(score.high for score in known),
            len(known),
        )

    def num_measured(self, metric: Metric) -> int:
        """Returns in how many of the run's languages the metric was measured for at least one system."""
        return sum(
            any(self.score(system, metric.key, language).value is not None for system in self.rows)
            for language in self.languages
        )

    def best(self, metric: Metric, language: str | None = None) -> set[str]:
        """Returns the systems with the best value as shown; none if there are no different values to compare.

        Args:
            metric: The metric.
            language: Language to compare in; None compares means over languages.
        """
        shown: dict[str, float] = {}
        for system in self.rows:
            score = self.mean(system, metric.key) if language is None else self.score(system, metric.key, language)
            whole = language is not None or score.num_languages == self.num_measured(metric)
            if score.value is not None and whole:
                shown[system] = round(score.value, 3)
        if len(set(shown.values())) < 2:
            return set()
        target = min(shown.values()) if metric.lower_is_better else max(shown.values())
        return {system for system, value in shown.items() if value == target}

    def _rows(self) -> Iterator[str]:
        plain = [name for name in self._systems if not name.startswith(EXPERT_PREFIX)]
        if "base" in plain:
            yield "base"
        if self.experts or "experts" in plain:
            yield "experts"
        if "moe" in plain:
            yield "moe"
        yield from (name for name in plain if name not in ("base", "experts", "moe"))

    def _found_languages(self) -> Iterator[str]:
        for metrics in self._systems.values():
            for languages in metrics.values():
                yield from (str(language) for language in as_mapping(languages))


@dataclass(frozen=True, slots=True)
class Ratios:
    """The MoE's loss and those of its experts and base, averaged over the languages that all of them have.

    Attributes:
        moe: Mean loss of the MoE.
        experts: Mean loss of each language's own expert; its value is None if there are no experts.
        base: Mean loss of the base; its value is None if it was not measured.
        languages: The languages.
    """

    moe: Score
    experts: Score
    base: Score
    languages: list[str]

    def percent_of(self, other: Score) -> float | None:
        """Returns the MoE's loss in percent of another loss; None if one of them is not defined."""
        return 100 * self.moe.value / other.value if self.moe.value is not None and other.value else None


def loss_ratios(summary: Summary) -> Ratios | None:
    """Returns the losses of the MoE, its experts and the base; None if the MoE has no loss."""
    present = [name for name in ("moe", "experts", "base") if summary.mean(name, "loss").value is not None]
    languages = [
        language
        for language in summary.languages
        if all(summary.score(name, "loss", language).value is not None for name in present)
    ]
    if "moe" not in present or not languages:
        return None
    moe, experts, base = (
        summary.mean(name, "loss", languages) if name in present else Score(None) for name in ("moe", "experts", "base")
    )
    return Ratios(moe, experts, base, languages)


def ratio_line(results: Mapping[str, Any]) -> str:
    """Returns one line that compares the MoE's loss with its experts' and the base's; empty without a MoE."""
    summary = Summary(results)
    ratios = loss_ratios(summary)
    if ratios is None or ratios.moe.value is None:
        return ""
    parts = [
        f"{percent:.1f}% of {owner} {other.value:.3f}"
        for owner, other in (("its experts'", ratios.experts), ("the base's", ratios.base))
        if (percent := ratios.percent_of(other)) is not None
    ]
    compared = f" is {' and '.join(parts)}" if parts else ""
    count = len(ratios.languages)
    over = f"mean over {count} {summary.parts}" if count > 1 else language_title(ratios.languages[0])
    return f"MoE loss {ratios.moe.value:.3f}{compared} ({over}, n = {ratios.moe.n:,})"


def paired_line(results: Mapping[str, Any]) -> str:
    """Returns one line with the paired differences between the MoE and its experts; empty if there are none."""
    summary = Summary(results)
    parts = []
    for metric in filter(None, (metric_of("loss"), summary.likeness)):
        score, name = summary.minus("experts", metric.key), "loss" if metric.key == "loss" else metric.title
        if score.value is not None:
            parts.append(f"{name} {metric.format_change(score.value)} {change_interval(metric, score)}".strip())
    return f"MoE minus its own experts: {', '.join(parts)}" if parts else ""


def change_interval(metric: Metric, score: Score) -> str:
    """Returns the interval of a difference in brackets; empty if it is not defined."""
    if score.low is None or score.high is None:
        return ""
    return f"[{metric.format_change(score.low)}, {metric.format_change(score.high)}]"


def as_mapping(value: Any) -> Mapping[str, Any]:
    """Returns the value if it is a mapping, else an empty one, so that a missing part of a file reads as empty."""
    return value if isinstance(value, Mapping) else {}


def as_list(value: Any) -> list[Any]:
    """Returns the value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def as_number(value: Any) -> float | None:
    """Returns a finite number, or None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)


def _score(entry: Any) -> Score:
    """Reads one estimate of ``results.json``."""
    found = as_mapping(entry)
    value = as_number(found.get("value"))
    if value is None:
        return Score(None)
    problems = as_number(found.get("problems"))
    return Score(
        value,
        int(as_number(found.get("n")) or 0),
        as_number(found.get("low")),
        as_number(found.get("high")),
        problems=None if problems is None else int(problems),
    )


def _recipe_languages(results: Mapping[str, Any]) -> list[str]:
    languages = as_mapping(as_mapping(results.get("recipe")).get("data")).get("languages")
    return [str(language) for language in languages] if isinstance(languages, (list, tuple)) else []


def _mean(values: Iterable[float | None]) -> float | None:
    known = list(values)
    numbers = [value for value in known if value is not None]
    return sum(numbers) / len(numbers) if numbers and len(numbers) == len(known) else None
