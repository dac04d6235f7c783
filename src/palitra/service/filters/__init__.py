"""What may be drawn and shown: filters of prompts and of pictures, shipped or plugged in."""
