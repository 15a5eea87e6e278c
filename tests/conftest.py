import os
import sys
from pathlib import Path

# Pico models gain nothing from threads, and several test processes at once lose a lot to their waiting for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Shared helpers live beside this file: `from pico import pico_llama`.
sys.path.insert(0, str(Path(__file__).parent))
# The benchmark scripts are tested too.
sys.path.append(str(Path(__file__).parent.parent / "benchmarks"))
