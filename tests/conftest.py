import sys
from pathlib import Path

# Shared helpers live beside this file: `from pico import pico_llama`.
sys.path.insert(0, str(Path(__file__).parent))
