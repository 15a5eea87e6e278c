"""Training: one loop for experts, gates, both together, baselines and rewards. Needs torch."""
