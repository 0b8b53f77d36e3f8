"""Real data sets that installed packages ship, and generators."""
