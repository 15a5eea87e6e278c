"""Measures models: loss, CodeBLEU, execution, routing. Does not import ``train``."""
