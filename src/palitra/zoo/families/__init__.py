"""How a kind of model is trained and sampled."""
