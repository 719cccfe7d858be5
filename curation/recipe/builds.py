"""Combine versions: data × annotations × taxonomy × rules × recipe, into a snapshot.

The coordinates of a build pin every version that decides its rows, so the same coordinates give the
same bytes. A build never changes what it was made from: it goes into a dataset of its own.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from curation import sql
from curation.errors import UsageError
from curation.lake import documents, taxonomies
from curation.lake.datasets import (
    Dataset,
    check_name,
    columns_of,
    get_dataset,
    store_roles,
)
from curation.lake.decisions import active_events_sql
from curation.lake.fold import EVERYTHING, Cut, Policy
from curation.lake.merging import open_conflicts
from curation.lake.putting import put_rows
from curation.lake.roles import Roles
from curation.lake.workflows import current_workflow
from curation.lake.workspace import METADATA, Workspace
from curation.progress import Progress, no_progress, part
from curation.recipe.drafts import NAME, load_draft
from curation.recipe.manifest import file_sha256, step_record, versions
from curation.recipe.model import Recipe
from curation.recipe.rules import rules_of, with_rules
from curation.recipe.runner import RunResult, run_on_dataset
from curation.recipe.yaml import parse

MOST_TOUCHED = 1_000_000
"""More records than this that steps touched are counted and not listed one by one."""
CONFLICTS = pa.schema(
    [
        ("step", pa.string()),
        ("record_key", pa.string()),
        ("given_label", pa.string()),
        ("suggested_label", pa.string()),
        ("reason", pa.string()),
    ]
)


class Coordinates(BaseModel):
    """The versions that a build combines."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: str
    snapshot: int
    cut: Cut = Field(description="Which annotations; its lake snapshot pins what was committed.")
    policy: Policy
    taxonomy_version: int
    recipe_version: int = Field(description="0 is the recipe that only applies the decisions.")
    rules: dict[str, int] = Field(description="Sampling rule to version.")

    @property
    def sha256(self) -> str:
        """Hash of the coordinates."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Build:
    """A snapshot that was built, and from what."""

    run_id: str
    dataset: str
    snapshot: int
    manifest: Mapping[str, Any]
    is_found_again: bool = False
    """Whether the same build was there already."""

    @property
    def coordinates(self) -> Coordinates:
        """The versions that it combines."""
        return Coordinates.model_validate(self.manifest["coordinates"])

    @property
    def conflicts(self) -> pa.Table:
        """What waits for a person: the columns of `CONFLICTS`."""
        return pa.Table.from_pylist(self.manifest["conflicts"], schema=CONFLICTS)


def pin(
    workspace: Workspace,
    dataset: str,
    *,
    snapshot: int | None = None,
    cut: Cut = EVERYTHING,
    policy: Policy | None = None,
    taxonomy_version: int | None = None,
    recipe_version: int | None = None,
    rules: Mapping[str, int] | None = None,
) -> Coordinates:
    """Return full coordinates: what is not given is what is in force now.

    Raises:
        UnknownNameError, UsageError: a dataset, snapshot or version that is not there.
    """
    found = get_dataset(workspace, dataset, snapshot)
    label = found.roles.label
    if label is None:
        raise UsageError(
            f"'{dataset}' has no label column, so there is nothing to combine. Give one the role."
        )
    if cut.snapshot is None:
        cut = cut.model_copy(update={"snapshot": _lake_snapshot(workspace)})
    history = taxonomies.history(workspace, dataset, label)
    recipe, version = _recipe(workspace, dataset, recipe_version)
    return Coordinates(
        dataset=dataset,
        snapshot=found.snapshot,
        cut=cut,
        policy=policy or current_workflow(workspace, dataset, label).policy,
        taxonomy_version=history.get(taxonomy_version or history.current.version).version,
        recipe_version=version,
        rules=rules_of(workspace, recipe, rules),
    )


def build(
    workspace: Workspace,
    coordinates: Coordinates,
    into: str,
    *,
    author: str,
    message: str | None = None,
    output: Path | None = None,
    progress: Progress = no_progress,
) -> Build:
    """Combine versions into a new snapshot of a dataset; the same build is not made twice.

    Args:
        workspace: where all of it is.
        coordinates: what is combined; see `pin`.
        into: the dataset that gets the snapshot; it is made if it is not there.
        author: who builds.
        message: why.
        output: also write the rows there, as Parquet.
        progress: told how far it is.

    Raises:
        UsageError: ``into`` is the dataset that it is built from, or was not built.
        CurationError: a step cannot be done on these data.
    """
    check_name(into)
    _check_target(workspace, coordinates, into)
    same = next(
        (
            one
            for one in list_builds(workspace, into)
            if one.manifest["coordinates"] == coordinates.model_dump(mode="json")
            and one.manifest["versions"] == versions()
        ),
        None,
    )
    if same is not None and output is None:
        return replace(same, is_found_again=True)
    recipe, _ = _recipe(workspace, coordinates.dataset, coordinates.recipe_version)
    recipe = with_rules(workspace, recipe, coordinates.rules)
    with (
        tempfile.TemporaryDirectory(prefix="curation-build-") as folder,
        run_on_dataset(
            workspace, coordinates.dataset, recipe, snapshot=coordinates.snapshot,
            policy=coordinates.policy, cut=coordinates.cut,
            taxonomy_version=coordinates.taxonomy_version, progress=part(progress, 0.0, 0.8),
        ) as result,
    ):  # fmt: skip
        rows = Path(folder) / "rows.parquet"
        result.write(rows)
        if output is not None:
            output.write_bytes(rows.read_bytes())
        if same is not None:
            return replace(same, is_found_again=True)
        progress(0.9, "Writing the snapshot")
        manifest = _manifest(workspace, coordinates, recipe, result, rows, into)
        return _stored(workspace, coordinates, manifest, result, rows, author, message)


def list_builds(workspace: Workspace, dataset: str | None = None) -> list[Build]:
    """Return what was built, into one dataset or all, the newest first."""
    with workspace.cursor() as cursor:
        rows = cursor.execute(
            f"""SELECT r.run_id, r.dataset, c.snapshot_id, r.manifest
            FROM lake.curation.runs r JOIN {METADATA}.ducklake_snapshot_changes c
                ON c.commit_extra_info LIKE '%"operation": "build"%'
                AND contains(c.commit_extra_info, r.run_id)
            WHERE r.dataset = ? OR ? IS NULL ORDER BY c.snapshot_id DESC""",
            [dataset, dataset],
        ).fetchall()
    return [Build(run_id, name, at, json.loads(text)) for run_id, name, at, text in rows]


def _stored(
    workspace: Workspace,
    coordinates: Coordinates,
    manifest: Mapping[str, Any],
    result: RunResult,
    rows: Path,
    author: str,
    message: str | None,
) -> Build:
    run_id, into = uuid.uuid4().hex, str(manifest["output"]["dataset"])
    source = f"read_parquet({sql.literal(str(rows))})"
    with workspace.cursor() as reader:
        columns = columns_of(reader, source)
    roles = Roles(columns={c: role for c, role in result.roles.columns.items() if c in columns})
    touched = result.touched(MOST_TOUCHED)

    def change(cursor: duckdb.DuckDBPyConnection) -> None:
        put_rows(cursor, into, source, columns, roles.having("key"))
        store_roles(cursor, into, roles, coordinates.taxonomy_version)
        cursor.execute(
            "INSERT INTO lake.curation.runs VALUES (?, ?, ?, now()::TIMESTAMP)",
            [run_id, into, json.dumps(manifest, ensure_ascii=False)],
        )
        if touched is not None:
            cursor.register("touched_records", touched)
            cursor.execute(
                "INSERT INTO lake.curation.touched (run_id, step, record_key, what, before, after) "
                "SELECT ?, step, record_key, what, before, after FROM touched_records",
                [run_id],
            )
            cursor.unregister("touched_records")

    classes = len(result.class_counts()) if result.roles.label else None
    _, snapshot = workspace.write(
        change, author=author, operation="build", dataset=into, rows=result.rows, classes=classes,
        message=message or f"Built from snapshot {coordinates.snapshot} of {coordinates.dataset}",
        run_id=run_id, source=coordinates.dataset, source_snapshot=coordinates.snapshot,
    )  # fmt: skip
    return Build(run_id, into, snapshot, manifest)


def _manifest(
    workspace: Workspace,
    coordinates: Coordinates,
    recipe: Recipe,
    result: RunResult,
    rows: Path,
    into: str,
) -> dict[str, Any]:
    source = get_dataset(workspace, coordinates.dataset, coordinates.snapshot)
    conflicts = _conflicts(workspace, coordinates, result)
    return {
        "format": 1,
        "kind": "build",
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "coordinates": coordinates.model_dump(mode="json"),
        "recipe": {"name": recipe.name, "sha256": recipe.sha256, "seed": recipe.seed},
        "input": {"dataset": source.name, "snapshot": source.snapshot, "rows": result.rows_in},
        "annotations": _annotations(workspace, source, coordinates.cut),
        "output": {"dataset": into, "rows": result.rows, "sha256": file_sha256(rows)},
        "classes": {"before": result.class_counts(0), "after": result.class_counts()},
        "steps": [step_record(step) for step in result.steps],
        "conflicts": conflicts,
        "notes": result.notes,
        "versions": versions(),
    }


def _conflicts(
    workspace: Workspace, coordinates: Coordinates, result: RunResult
) -> list[dict[str, Any]]:
    waiting = [
        {"step": step.id, **row}
        for step in result.steps
        if step.queue is not None
        for row in step.queue.to_pylist()
    ]
    merged = [
        {
            "step": "merge", "record_key": event.record_key, "given_label": event.given,
            "suggested_label": event.value,
            "reason": f"{event.annotator} said two things, one on each branch",
        }
        for event in open_conflicts(workspace, coordinates.dataset)
    ]  # fmt: skip
    return [*waiting, *merged]


def _annotations(workspace: Workspace, source: Dataset, cut: Cut) -> dict[str, Any]:
    """Say which annotations count: how many, and a hash that is the same wherever they are."""
    active = active_events_sql(workspace, source.name, source.roles.label, cut)
    with workspace.cursor() as cursor:
        row = cursor.execute(
            f"""SELECT count(*), sha256(coalesce(string_agg(
                annotation_id || '=' || decision || '=' || coalesce(value, chr(24)), chr(30)
                ORDER BY annotation_id), '')) FROM ({active})"""
        ).fetchone()
    assert row is not None
    return {"events": row[0], "sha256": row[1]}


def _recipe(workspace: Workspace, dataset: str, version: int | None) -> tuple[Recipe, int]:
    """Return a version of a dataset's recipe and its number; 0 only applies the decisions."""
    if version is None:
        newest = documents.in_force(workspace, "recipe", dataset, NAME)
        version = newest.version if newest else 0
    if version == 0:
        return load_draft(workspace, dataset, saved=False), 0
    return parse(documents.get_version(workspace, "recipe", dataset, NAME, version).text), version


def _check_target(workspace: Workspace, coordinates: Coordinates, into: str) -> None:
    if into == coordinates.dataset:
        raise UsageError(
            f"A build of '{into}' cannot go into '{into}' itself: it would take the place of what "
            f"it is made from. Name another dataset, for example '{into} curated'."
        )
    with workspace.cursor() as cursor:
        there = cursor.execute(
            "SELECT count(*) FROM lake.curation.datasets WHERE name = ?", [into]
        ).fetchone()
    if there != (0,) and not list_builds(workspace, into):
        raise UsageError(
            f"'{into}' was imported, not built; a build would replace its rows. "
            f"Name another dataset, for example '{coordinates.dataset} curated'."
        )


def _lake_snapshot(workspace: Workspace) -> int:
    with workspace.cursor() as cursor:
        row = cursor.execute("SELECT id FROM lake.current_snapshot()").fetchone()
    assert row is not None
    return int(row[0])
