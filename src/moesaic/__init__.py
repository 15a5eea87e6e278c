"""moesaic: a Mixture-of-Experts for code, composed from one LoRA expert per programming language."""

from __future__ import annotations

__version__ = "0.1.0"
