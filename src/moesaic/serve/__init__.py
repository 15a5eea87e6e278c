"""Serving: one thread that owns the model, and what people and programs talk to it through.

Nothing of it is imported before a command of the command line needs it; the HTTP part needs the extra ``serve``.
"""
