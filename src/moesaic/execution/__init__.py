"""Runs programs: sandbox, toolchains, launchers, verdicts. Does not depend on models."""
