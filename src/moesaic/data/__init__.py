"""Text-to-code data: reads it, restores source code, makes prompts, packs rows."""
