"""Pictures in: safe decoding, image sets, edges, sketches as drawn by people."""
