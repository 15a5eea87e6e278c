"""Makes the page ``/metrics``: counters and times of the engine, and the load of the experts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from moesaic.serve.engine import Route
from moesaic.serve.vllm_engine import AnyEngine

_GROUPS = ("first", "middle", "last")
_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    """The metrics of one server, in their own registry.

    Args:
        engine: The engine whose counters are shown.
        experts: Names of the experts.
    """

    def __init__(self, engine: AnyEngine, experts: Sequence[str]) -> None:
        self._experts = experts
        self._registry = CollectorRegistry()
        self._registry.register(_EngineCollector(engine, experts))
        self.first_token = Histogram(
            "moesaic_time_to_first_token_seconds", "From the request to its first token.",
            buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        self.between_tokens = Histogram(
            "moesaic_time_between_tokens_seconds", "From a token of an answer to the next.",
            buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        self.refused = Counter(
            "moesaic_refused",
            "Requests refused because the queue was full, their key had enough, or the server was ending.",
            registry=self._registry,
        )
        self._weight = Counter(
            "moesaic_expert_weight",
            "Gate weights of traced tokens by expert and third of the layers, each layer counting 1.",
            ("expert", "layers"),
            registry=self._registry,
        )

    def count_route(self, route: Route) -> None:
        """Adds the gate weights of one token to the counters of its experts."""
        num_layers = len(route[0])
        sums: dict[tuple[int, str], float] = {}
        for layer, (experts, weights) in enumerate(zip(*route, strict=True)):
            group = _group(layer, num_layers)
            for expert, weight in zip(experts, weights, strict=True):
                sums[int(expert), group] = sums.get((int(expert), group), 0.0) + float(weight)
        for (expert, group), weight in sums.items():
            self._weight.labels(self._experts[expert], group).inc(max(0.0, weight))

    def text(self) -> bytes:
        """Returns the metrics in the format of Prometheus."""
        return generate_latest(self._registry)


class _EngineCollector(Collector):
    """Reads the engine's counters when metrics are collected."""

    def __init__(self, engine: AnyEngine, experts: Sequence[str]) -> None:
        self._engine, self._experts = engine, experts

    def collect(self) -> Iterator[Metric]:
        engine, statistics = self._engine, self._engine.statistics
        yield GaugeMetricFamily("moesaic_queue", "Requests that wait.", engine.num_waiting)
        yield GaugeMetricFamily("moesaic_batch", "Requests that run.", engine.num_active)
        yield GaugeMetricFamily("moesaic_slots", "Most requests that run at the same time.", engine.num_slots)
        yield CounterMetricFamily("moesaic_tokens", "Generated tokens.", statistics.tokens)
        yield CounterMetricFamily("moesaic_prompt_tokens", "Tokens of prompts.", statistics.prompt_tokens)
        if statistics.steps is not None:
            yield CounterMetricFamily("moesaic_steps", "Decoding steps.", statistics.steps)
        if statistics.busy_seconds is not None:
            yield CounterMetricFamily("moesaic_busy_seconds", "Time in prompts and steps.", statistics.busy_seconds)
        ended = CounterMetricFamily("moesaic_requests", "Requests that ended, by reason.", labels=("reason",))
        for reason, count in dict(statistics.ended).items():
            ended.add_metric((reason,), count)
        yield ended
        if statistics.prompt_load_LE is not None:
            yield self._prompt_load(statistics.prompt_load_LE)

    def _prompt_load(self, load_LE: Sequence[Sequence[float]]) -> Metric:
        sums = {(expert, group): 0.0 for expert in self._experts for group in _GROUPS}
        for layer, load_E in enumerate(load_LE):
            for expert, weight in zip(self._experts, load_E, strict=True):
                sums[expert, _group(layer, len(load_LE))] += weight
        family = CounterMetricFamily(
            "moesaic_expert_prompt_weight",
            "Gate weights of prompts' tokens by expert and third of the layers, each layer counting 1.",
            labels=("expert", "layers"),
        )
        for labels, weight in sums.items():
            family.add_metric(labels, weight)
        return family


def _group(layer: int, num_layers: int) -> str:
    return _GROUPS[min(2, 3 * layer // num_layers)]
