"""Computes the tables of cost.md from measured figures, so that the page cannot drift from the arithmetic.

    python docs/cost_model.py            write them
    python docs/cost_model.py --check    exit with 1 when the page is stale

Everything in ``MEASURED`` and ``RATES`` is from benchmarks/speed_h100_202611.md (one H100 80 GB, bfloat16, run 7; the
decoding of the small base from its real run of three joint epochs, batch 256). The rest is arithmetic on shapes:
nothing of more than 32 experts, of more than 7 B parameters or of more than one GPU was measured.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).parent / "cost.md"
START, END = "<!-- cost: start, made by docs/cost_model.py -->\n", "<!-- cost: end -->\n"

MEASURED: Final = {
    "joint_memory_gb": 24.1,  # 4 experts top-2 and gates on Mistral-7B's shape, selective checkpointing
    "decode_step_ms": {4: 2.23, 32: 2.36},  # by experts; 8 of 32 layers, batch 32
    "train_tokens_s": {4: 59_000, 32: 46_100},  # by experts; the same
}
RATES: Final = {
    "SmolLM2-135M": (287_000, 230_000, 518_620 / 26),
    "Mistral-7B": (16_551, 14_213, 4_329),
}
"""Base -> tokens/s of an expert's training, of gates and experts together, and of decoding; 4 experts top-2."""
DOLLARS_AN_HOUR: Final = 3.0  # of an H100, assumed
GPU_GB: Final = 80.0
RANK: Final = 16
TOKENS_A_LANGUAGE: Final = 3_600_000  # trained by one expert in the reference study's setting
JOINT_TOKENS_A_LANGUAGE: Final = 1_200_000
REQUESTS_S, TOKENS_A_REQUEST = 1_000, 200
NVLINK_GB_S, ETHERNET_GB_S = 300.0, 12.5


@dataclass(frozen=True)
class Shape:
    """A base model's shape.

    Attributes:
        name: Shown.
        billions: Parameters.
        layers: Decoder layers.
        hidden: Width.
        mlp: Width inside the MLP.
    """

    name: str
    billions: float
    layers: int
    hidden: int
    mlp: int

    @property
    def expert(self) -> float:
        """Parameters of one expert."""
        return 3.0 * self.layers * RANK * (self.hidden + self.mlp)

    @property
    def mlp_parameters(self) -> float:
        """Parameters of the MLPs, which a Mixtral checkpoint has once for each expert."""
        return 3.0 * self.layers * self.hidden * self.mlp


SHAPES: Final = (
    Shape("SmolLM2-135M", 0.1345, 30, 576, 1536),
    Shape("Mistral-7B", 7.24, 32, 4096, 14336),
    Shape("Llama-3-70B's", 70.6, 80, 8192, 28672),
)
MEASURED_SHAPE: Final = SHAPES[1]
LANGUAGES: Final = (4, 20, 100)


def rates(shape: Shape) -> tuple[float, float, float]:
    """Tokens/s as in ``RATES``; of a larger base as many as the same share of the GPU's peak gives."""
    scale = MEASURED_SHAPE.billions / shape.billions
    expert, joint, decode = RATES[MEASURED_SHAPE.name]
    return RATES.get(shape.name, (expert * scale, joint * scale, decode * scale))


def slowdown(figures: dict[int, float], experts: int) -> float:
    """Time a token with so many experts, relative to 4, on the line through two measured points."""
    (few, first), (many, last) = figures.items()
    return 1 + (experts - few) * (last / first - 1) / (many - few)


def training_hours(shape: Shape, experts: int) -> tuple[float, float]:
    """GPU hours of all experts, and of gates and experts together, at the measured share of the GPU's peak."""
    alone, together, _ = rates(shape)
    times = {count: 1 / rate for count, rate in MEASURED["train_tokens_s"].items()}
    joint = experts * JOINT_TOKENS_A_LANGUAGE / together * slowdown(times, experts)
    return experts * TOKENS_A_LANGUAGE / alone / 3600, joint / 3600


def joint_gigabytes(shape: Shape, experts: int, bytes_a_weight: float) -> float:
    """Memory of joint training: the base, float32 factors with gradients and moments, and the measured activations."""
    measured = MEASURED["joint_memory_gb"] - 2 * MEASURED_SHAPE.billions - 4 * MEASURED_SHAPE.expert * 16 / 1e9
    activations = measured * shape.layers * shape.hidden / (MEASURED_SHAPE.layers * MEASURED_SHAPE.hidden)
    return shape.billions * bytes_a_weight + experts * shape.expert * 16 / 1e9 + activations


def rows() -> tuple[list[list[str]], list[list[str]]]:
    """The table of training and the table of what is stored and served."""
    training, serving = [], []
    for shape in SHAPES:
        for experts in LANGUAGES:
            alone, joint = training_hours(shape, experts)
            plain, small = (joint_gigabytes(shape, experts, size) for size in (2.0, 0.55))
            wire = experts * shape.expert * 4 / 1e9
            training.append(
                [
                    f"{shape.name}, {experts}", f"{alone:,.2f}", f"{joint:,.2f}",
                    f"{(alone + joint) * DOLLARS_AN_HOUR:,.2f}", _fits(plain), _fits(small), f"{wire:,.2f}",
                    f"{2 * wire / NVLINK_GB_S * 1e3:,.0f} / {2 * wire / ETHERNET_GB_S * 1e3:,.0f}",
                ]
            )  # fmt: skip
            times = slowdown(MEASURED["decode_step_ms"], experts)
            speed = rates(shape)[2] / times
            memory = 2 * shape.billions + 2 * experts * shape.expert / 1e9
            gpus = REQUESTS_S * TOKENS_A_REQUEST / speed
            mixtral = 2 * (shape.billions + (experts - 1) * shape.mlp_parameters / 1e9)
            serving.append(
                [
                    f"{shape.name}, {experts}", f"{2 * experts * shape.expert / 1e9:,.2f}", _fits(memory),
                    f"{mixtral:,.1f}", f"{speed:,.0f}", f"{gpus:,.0f}", f"{gpus * DOLLARS_AN_HOUR:,.0f}",
                ]
            )  # fmt: skip
    return training, serving


def _fits(gigabytes: float) -> str:
    return f"{gigabytes:,.1f}" if gigabytes <= GPU_GB else f"**{gigabytes:,.1f}**"


def _table(heads: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---", *(["---:"] * (len(heads) - 1))], *body]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def tables() -> str:
    """The generated part of the page."""
    training, serving = rows()
    return (
        "### Training\n\n"
        + _table(
            ("base, languages", "experts, GPU h", "joint, GPU h", "dollars", "joint, GB", "joint on NF4, GB",
             "GB per step over the network", "ms per step, NVLink / 100 Gbit/s"),
            training,
        )
        + "\n### Storing and serving\n\n"
        + _table(
            ("base, languages", "experts, GB", "in memory, GB", "as Mixtral, GB", "tokens/s per GPU",
             f"GPUs for {REQUESTS_S:,} requests/s", "dollars per hour"),
            serving,
        )
    )  # fmt: skip


def main() -> None:
    """Writes or checks the page."""
    text = PAGE.read_text()
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    made = f"{before}{START}\n{tables()}\n{END}{after}"
    if "--check" in sys.argv[1:]:
        if made != text:
            print("cost.md is stale: run python docs/cost_model.py", file=sys.stderr)
        sys.exit(made != text)
    PAGE.write_text(made)


if __name__ == "__main__":
    main()
