"""Measures how fast a model is, and says on what."""
