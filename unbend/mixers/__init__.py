"""Token mixing in linear time."""
