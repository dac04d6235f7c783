"""palitra: controllable image generation."""
