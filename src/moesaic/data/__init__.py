"""Text-to-code data: read, turn into source, prompt, pack."""
