"""Generation: slots, caches, captured steps and kernels."""
