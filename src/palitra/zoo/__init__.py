"""Generative models of labelled pictures: adversarial, variational, diffusion; train, sample, compare."""
