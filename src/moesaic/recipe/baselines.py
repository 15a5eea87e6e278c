"""The names of the baselines that ``compare`` can ask for, and what is common to some of them."""

from __future__ import annotations

from typing import Final, Literal

Baseline = Literal[
    "linear",
    "ties",
    "dare_ties",
    "dense_lora",
    "dense_lora_keep",
    "dense_lora_reward",
    "hidden_gates",
    "moe_gates",
    "arrow",
]

DENSE: Final = ("dense_lora", "dense_lora_keep")
"""Baselines that are one adapter, made without the experts."""
DENSE_REWARD: Final = "dense_lora_reward"
"""Baseline that continues one of these, with rewards."""
MADE_TOGETHER: Final = (*DENSE, DENSE_REWARD)
"""Baselines that all processes of a run make together; the others are made by one process."""
