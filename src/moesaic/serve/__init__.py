"""Serving: one thread that owns the model, and the interfaces for people and programs.

Nothing of it is imported before a command of the command line needs it; the HTTP part needs the extra ``serve``.
"""
