"""A run: its stages in order, what they share, and what a run will do."""
