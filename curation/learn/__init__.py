"""Rows as matrices, and class probabilities from models that did not see the row."""
