"""How a step is made, and undone. Every sampler works on variance-preserving latents."""
