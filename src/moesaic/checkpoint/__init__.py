"""Reads and writes models: model folders, Mixtral checkpoints, GGUF files."""
