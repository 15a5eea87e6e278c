"""Runs every Python program of a folder on all its inputs, in one process."""

import io
import sys
import traceback
from pathlib import Path

for source in sorted(Path(sys.argv[1]).glob("*/main.py")):
    code = compile(source.read_text(), str(source), "exec")
    for path in source.parent.glob("*.in"):
        sys.stdin, sys.stdout = io.TextIOWrapper(io.BytesIO(path.read_bytes())), io.StringIO()
        try:
            exec(code, {"__name__": "__main__"})
        except Exception:
            traceback.print_exc()
        path.with_suffix(".out").write_text(sys.stdout.getvalue())
