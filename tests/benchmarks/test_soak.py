"""A few moments of every kind of trouble: the same command, given again, leaves the same numbers and bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

import forked

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "soak.py"


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.untraced
def test_whatever_happens_to_a_run_the_next_one_ends_the_same(tmp_path):
    arguments = ["--moments", "2", "--few", "--out", str(tmp_path / "soak.md")]
    done = forked.run(["script", str(SCRIPT), *arguments], timeout=1700)
    assert done.returncode == 0, done.stderr
    rows = [line.split(" | ") for line in (tmp_path / "soak.md").read_text().splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 12
    kinds = {row[0].removeprefix("| ") for row in rows}
    assert {"kill -9", "SIGTERM", "clock back", "stale lock", "loss is NaN", "out of memory", "base changes"} <= kinds
    assert all("the same" in row[-1] for row in rows if "left out" not in row[3])
