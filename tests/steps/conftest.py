"""Fixtures of the steps' tests."""

from applied import apply, engine

__all__ = ["apply", "engine"]
