"""The sampling loop and the four kinds of part on it: conditions, taps, guiders, samplers."""
