"""`run`, `steps` and `schema`: recipes without a browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from curation.cli import options
from curation.cli.output import progress_bar, say, say_json, say_table
from curation.lake.file_kinds import kind_of
from curation.lake.imports import MAX_REFUSED
from curation.recipe.yaml import load_recipe
from curation.steps import STEPS, step_named


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(run)
    app.command()(steps)
    app.command()(schema)


def run(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE.yaml", help="The recipe.")],
    source: Annotated[Path, typer.Option("--input", metavar="FILE", help="The new data.")],
    target: Annotated[Path, typer.Option("--output", metavar="FILE", help="The curated rows.")],
    manifest: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Hashes, versions and row counts; OUTPUT.manifest.json without one.",
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help="What each step did, and every record that waits."),
    ] = None,
    encoding: options.Encoding = None,
    max_refused: options.MaxRefused = MAX_REFUSED,
    as_json: options.Json = False,
) -> None:
    """Run a recipe on new data and write the curated rows.

    Nothing is written when the data do not satisfy the recipe (exit code 1).
    """
    from curation.recipe import manifest as manifests
    from curation.recipe.runner import run_on_file

    manifest = manifest or target.with_name(f"{target.name}.manifest.json")
    options.check_targets(
        {"the recipe": recipe, "--input": source},
        {"--output": target, "--manifest": manifest, "--report": report},
    )
    kind_of(target.name)
    loaded = load_recipe(recipe)
    with (
        progress_bar() as progress,
        run_on_file(
            loaded, source, encoding=encoding, max_refused=max_refused, progress=progress
        ) as result,
    ):
        result.write(target)
        written = manifests.manifest(loaded, result, source, target)
        _write_json(manifest, written)
        told = manifests.report(loaded, result)
    if report is not None:
        _write_json(report, told)
    if as_json:
        say_json(written)
        return
    say_table(
        ("step", "rows in", "rows out", "touched", ""),
        [(s["id"], s["rows_in"], s["rows_out"], s["touched"], s["note"]) for s in written["steps"]],
    )
    for note in written["notes"]:
        say(f"Note: {note}")
    waiting = sum(len(step["queue"]) for step in told["steps"])
    say(f"{written['output']['rows']:,} rows written to {target}; {waiting:,} wait for a person.")


def steps(as_json: options.Json = False) -> None:
    """List the steps that a recipe can have, with their parameters."""
    if as_json:
        say_json([{"step": s.name, "title": s.title, **s.model_json_schema()} for s in STEPS])
        return
    for step in STEPS:
        doc = (step.__doc__ or "").strip().splitlines()[0]
        say(f"{step.name}: {doc}")
        for name, field in step.model_fields.items():
            if name not in ("step", "id"):
                need = "required" if field.is_required() else f"default {_default(field)}"
                say(f"    {name} ({need}): {field.description}")


def schema(
    step: Annotated[str | None, typer.Argument(metavar="[STEP]", help="One step only.")] = None,
) -> None:
    """Print the JSON Schema of a recipe, or of one step."""
    from curation.recipe.schema import recipe_schema

    say_json(step_named(step).model_json_schema() if step else recipe_schema())


def _default(field: Any) -> str:
    value = field.get_default(call_default_factory=True)
    return "none" if value in (None, []) else str(value)


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
