"""Serving: one thread that owns the model, and the interfaces for people and programs.

This package is imported only when a command of the command line needs it. Its HTTP part needs the extra ``serve``.
"""
