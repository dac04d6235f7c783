"""Changes to the pictures that a discriminator sees."""
