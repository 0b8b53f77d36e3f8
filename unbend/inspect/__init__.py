"""Read a network back as linear functions."""
