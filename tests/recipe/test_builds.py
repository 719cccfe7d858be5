"""Versions combine: the same coordinates give the same bytes, and each coordinate counts."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from curation.errors import UnknownNameError, UsageError
from curation.lake.actions import undo
from curation.lake.annotations import annotate
from curation.lake.datasets import get_dataset
from curation.lake.fold import Cut
from curation.lake.imports import import_table
from curation.lake.record_life import record_life
from curation.lake.taxonomies import apply
from curation.lake.taxonomy import Rename, Split
from curation.lake.workspace import Workspace
from curation.recipe.builds import Coordinates, build, list_builds, pin
from curation.recipe.drafts import export, save_draft
from curation.recipe.model import Recipe
from curation.recipe.yaml import parse
from curation.sampling.rules.library import save_rule
from curation.sampling.rules.rule import Rule
from curation.steps import ApplyAnnotations, Sample

TABLE = pa.table(
    {
        "id": [f"k{n:03}" for n in range(60)],
        "text": [f"message number {n}" for n in range(60)],
        "label": ["card" if n % 3 else "cash" for n in range(60)],
    }
)
RECIPE = Recipe(name="d", steps=(ApplyAnnotations(), Sample(rule="weekly")))


@pytest.fixture
def shared(workspace: Workspace) -> Workspace:
    import_table(workspace, TABLE, "d", roles={"id": "key", "label": "label"}, author="me")
    annotate(workspace, "d", "k000", "relabel", value="card", annotator="ann")
    annotate(workspace, "d", "k001", "exclude", annotator="ann")
    save_rule(workspace, "weekly", Rule(n=10, per=("label",)), author="ann", message="m")
    save_draft(workspace, "d", RECIPE, "ann")
    return workspace


def rows(workspace: Workspace, name: str) -> list[dict[str, Any]]:
    with workspace.cursor() as cursor:
        query = f'SELECT * FROM lake.data."{name}" ORDER BY rowid'
        found: list[dict[str, Any]] = cursor.execute(query).to_arrow_table().to_pylist()
    return found


def labels(workspace: Workspace, coordinates: Coordinates, into: str) -> dict[str, Any]:
    build(workspace, coordinates, into, author="ann")
    return {row["id"]: row["label"] for row in rows(workspace, into)}


def test_the_same_coordinates_give_the_same_bytes_elsewhere_and_with_other_threads(
    shared: Workspace, tmp_path: Path
) -> None:
    coordinates = pin(shared, "d")
    made = build(shared, coordinates, "built", author="ann", output=tmp_path / "one.parquet")
    first = (tmp_path / "one.parquet").read_bytes()
    assert made.manifest["output"]["sha256"] == hashlib.sha256(first).hexdigest()
    assert pa.parquet.read_table(tmp_path / "one.parquet").to_pylist() == rows(shared, "built")
    # What happens afterwards does not reach a build of what was there before.
    annotate(shared, "d", "k002", "relabel", value="cash", annotator="bob")
    save_rule(shared, "weekly", Rule(n=3), author="ann", message="m")
    save_draft(shared, "d", Recipe(name="d", steps=()), "ann")
    shared.close()
    shutil.copytree(shared.path, tmp_path / "elsewhere")
    with Workspace.open(tmp_path / "elsewhere", create=False) as there:
        there.cursor().execute("SET threads = 1")
        again = build(there, coordinates, "again", author="bob", output=tmp_path / "two.parquet")
        assert (tmp_path / "two.parquet").read_bytes() == first
        assert again.manifest["annotations"] == made.manifest["annotations"]


def test_a_build_is_made_once(shared: Workspace) -> None:
    coordinates = pin(shared, "d")
    one = build(shared, coordinates, "built", author="ann")
    two = build(shared, coordinates, "built", author="ann")
    assert (two.run_id, two.snapshot, two.is_found_again) == (one.run_id, one.snapshot, True)
    assert [b.snapshot for b in list_builds(shared)] == [one.snapshot]
    found = get_dataset(shared, "built")
    assert (found.snapshot, found.rows, found.classes) == (one.snapshot, 20, 2)
    assert found.roles.having("key") == ["id"]
    assert one.coordinates == coordinates


def test_each_version_counts(shared: Workspace) -> None:
    first = annotate(shared, "d", "k003", "relabel", value="card", annotator="bob")
    recipe = {"recipe_version": 0}
    everything = labels(shared, pin(shared, "d", **recipe), "all")
    assert (everything["k000"], everything["k003"], "k001" in everything) == ("card", "card", False)
    of_ann = labels(shared, pin(shared, "d", cut=Cut(annotators=("ann",)), **recipe), "ann")
    assert (of_ann["k000"], of_ann["k003"]) == ("card", "cash")
    apply(shared, "d", [Rename(old="cash", new="money")], author="ann", message="m")
    assert set(labels(shared, pin(shared, "d", **recipe), "renamed").values()) == {"card", "money"}
    assert labels(shared, pin(shared, "d", taxonomy_version=1, **recipe), "before") == everything
    save_rule(shared, "weekly", Rule(n=3), author="ann", message="m")
    assert len(labels(shared, pin(shared, "d"), "three")) == 3
    assert len(labels(shared, pin(shared, "d", rules={"weekly": 1}), "ten each")) == 20
    undo(shared, "d", "bob")
    assert labels(shared, pin(shared, "d", **recipe), "undone")["k003"] == "money"
    then = pin(shared, "d", cut=Cut(until=first.created_at), **recipe)
    assert labels(shared, then, "then")["k003"] == "card"


def test_what_waits_for_a_person_is_listed(shared: Workspace) -> None:
    apply(shared, "d", [Split(name="card", into=("credit", "debit"))], author="ann", message="m")
    annotate(shared, "d", "k002", "relabel", value="debit", annotator="ann")
    made = build(shared, pin(shared, "d", recipe_version=0), "built", author="ann")
    waiting = made.conflicts.to_pylist()
    # 40 are card, one of them is out, one decided; one that was cash was decided to be card.
    assert len(waiting) == 39
    assert {row["reason"] for row in waiting} == {"its class was split or retired"}
    found = {row["id"]: row["label"] for row in rows(shared, "built")}
    assert found["k002"] == "debit"
    assert sum(label is None for label in found.values()) == 39
    assert get_dataset(shared, "built").taxonomy_version == 2
    assert {row["label"] for row in rows(shared, "d")} == {"card", "cash"}


def test_a_record_s_life_names_the_steps_that_touched_it(shared: Workspace) -> None:
    build(shared, pin(shared, "d"), "built", author="ann")
    told = {key: record_life(shared, "d", key).events[-1].what for key in ("k000", "k001")}
    assert "apply_annotations gave it card instead of cash" in told["k000"]
    assert "apply_annotations left it out" in told["k001"]
    kept = {row["id"] for row in rows(shared, "built")}
    out = next(f"k{n:03}" for n in range(2, 60) if f"k{n:03}" not in kept)
    assert "sample left it out" in record_life(shared, "d", out).events[-1].what


def test_a_build_goes_into_a_dataset_of_its_own(shared: Workspace) -> None:
    coordinates = pin(shared, "d")
    with pytest.raises(UsageError, match="cannot go into 'd' itself"):
        build(shared, coordinates, "d", author="ann")
    import_table(shared, TABLE, "other", author="me")
    with pytest.raises(UsageError, match="'other' was imported, not built"):
        build(shared, coordinates, "other", author="ann")
    with pytest.raises(UsageError, match="has no version 9"):
        pin(shared, "d", recipe_version=9)
    with pytest.raises(UnknownNameError, match="taxonomy version '4'"):
        pin(shared, "d", taxonomy_version=4)
    with pytest.raises(UsageError, match="has no snapshot 1"):
        pin(shared, "d", snapshot=1)


def test_an_exported_recipe_has_its_rules_written_out(shared: Workspace) -> None:
    recipe = parse(export(shared, "d"))
    assert recipe.steps[1] == Sample(n=10, per=["label"], rule="weekly@1")
    assert recipe.run(TABLE.to_pandas()).shape[0] == 20
    with pytest.raises(UsageError, match="The rule 'weekly' is in a workspace"):
        RECIPE.model_copy(update={"contract": recipe.contract}).run(TABLE.to_pandas())


def test_an_exported_recipe_reads_labels_as_the_workspace_does(
    shared: Workspace, tmp_path: Path
) -> None:
    operations = [Rename(old="cash", new="money"), Split(name="card", into=("credit", "debit"))]
    apply(shared, "d", operations, author="ann", message="better")
    annotate(shared, "d", "k002", "relabel", value="debit", annotator="ann")
    save_draft(shared, "d", Recipe(name="d", steps=(ApplyAnnotations(),)), "ann")
    build(shared, pin(shared, "d"), "built", author="ann")
    curated = parse(export(shared, "d")).run(TABLE)
    assert curated.to_pylist() == rows(shared, "built")
