"""Training of experts and gates. Needs torch."""
