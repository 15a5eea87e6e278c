"""The factored Mixture-of-Experts, and what runs it. Needs torch."""
