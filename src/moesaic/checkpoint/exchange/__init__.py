"""Imports models from and exports models to the formats of other programs."""
