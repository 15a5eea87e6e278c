"""Serving: one thread that owns the model, and what people and programs talk to it through."""
