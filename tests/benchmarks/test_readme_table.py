"""The first table of the README is what its script makes of the result files."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_readmes_table_is_current():
    script = ROOT / "benchmarks" / "readme_table.py"
    assert subprocess.run([sys.executable, str(script), "--check"], check=False).returncode == 0
