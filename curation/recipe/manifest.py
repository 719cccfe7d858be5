"""The record of a run: what went in, what came out, and which versions did it."""

from __future__ import annotations

import hashlib
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from curation.recipe.model import Recipe
from curation.recipe.runner import RunResult, StepOutcome

_PACKAGES = ("curation", "duckdb", "pyarrow", "scikit-learn", "cleanlab", "wordllama", "numpy")


def manifest(recipe: Recipe, result: RunResult, source: Path, target: Path) -> dict[str, Any]:
    """Return the manifest of a run from one file to another, ready for JSON."""
    return {
        "format": 1,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "recipe": {"name": recipe.name, "sha256": recipe.sha256, "seed": recipe.seed},
        "input": {
            "file": source.name,
            "sha256": file_sha256(source),
            "rows": result.rows_in,
        },
        "output": {"file": target.name, "sha256": file_sha256(target), "rows": result.rows},
        "steps": [step_record(step) for step in result.steps],
        "notes": result.notes,
        "versions": versions(),
    }


def report(recipe: Recipe, result: RunResult) -> dict[str, Any]:
    """Return what a person should know of a run: what was done, and every record that waits."""
    return {
        "recipe": recipe.name,
        "rows_in": result.rows_in,
        "rows_out": result.rows,
        "classes_before": result.class_counts(0),
        "classes_after": result.class_counts(),
        "steps": [
            {
                **step_record(step),
                "queue": step.queue.to_pylist() if step.queue is not None else [],
            }
            for step in result.steps
        ],
        "notes": result.notes,
    }


def step_record(step: StepOutcome) -> dict[str, Any]:
    """Return what a step did, without the records that wait."""
    return {
        "id": step.id,
        "step": step.name,
        "rows_in": step.rows_in,
        "rows_out": step.rows_out,
        "touched": step.touched,
        "counts": step.counts,
        "note": step.note,
    }


def versions() -> dict[str, str]:
    """Return the versions of everything that decides a run's result."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
