"""Change a trained network, with an account of what was changed."""
