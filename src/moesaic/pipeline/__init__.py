"""A run: its stages in order, what they share, and the plan of what it will do."""
