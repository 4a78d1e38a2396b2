"""Turns a student into graphs that other engines run."""
