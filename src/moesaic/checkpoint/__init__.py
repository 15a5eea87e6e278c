"""Reading and writing models: native folders, Mixtral checkpoints, GGUF."""
