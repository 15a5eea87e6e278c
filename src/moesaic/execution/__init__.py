"""Running programs: sandbox, toolchains, harnesses, verdicts. Knows nothing of models."""
