"""Bends: fixed, learned, gated, and bases."""
