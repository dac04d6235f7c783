"""Comparative experiments: independent trials, each resumable, and pages made from what they kept."""
