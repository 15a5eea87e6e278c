import importlib.util
import os
import shutil
import sys
from pathlib import Path

# Pico models gain nothing from threads, and several test processes at once lose a lot to their waiting for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Without a GPU, Triton interprets the decoding kernels. It reads this when it is imported, which torch may do early.
if importlib.util.find_spec("triton") is not None and shutil.which("nvidia-smi") is None:
    os.environ.setdefault("TRITON_INTERPRET", "1")

# Shared helpers live beside this file: `from pico import pico_llama`.
sys.path.insert(0, str(Path(__file__).parent))
# The benchmark scripts are tested too.
sys.path.append(str(Path(__file__).parent.parent / "benchmarks"))
