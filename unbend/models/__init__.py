"""Whole networks made of the parts."""
