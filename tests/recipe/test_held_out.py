"""No step touches the rows of a frozen side, and every count still tells of all rows."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from curation.errors import UsageError
from curation.lake.annotations import Verdict, annotate_many
from curation.lake.imports import import_table
from curation.lake.records import INTERNAL_COLUMNS, ROW_COLUMN
from curation.lake.roles import Role
from curation.lake.workspace import Workspace
from curation.recipe.freezing import with_frozen_splits
from curation.recipe.model import ColumnSpec, Contract, Recipe
from curation.recipe.runner import RunResult, run_on_dataset, run_on_file
from curation.recipe.yaml import parse, render
from curation.steps import (
    STEPS,
    ApplyAnnotations,
    DropDuplicates,
    Filter,
    FixLabels,
    Rebalance,
    Sample,
    Split,
    Step,
)

ROLES: dict[str, Role] = {"id": "key", "text": "feature", "size": "feature", "label": "label"}
CONTRACT = Contract(columns={name: ColumnSpec(role=role) for name, role in ROLES.items()})
SIZE = 240
SPLIT = Split(test=0.3)


def table() -> pa.Table:
    chance = random.Random(3)
    words = {"fruit": ["apple", "pear", "plum"], "tool": ["hammer", "saw", "drill"]}
    labels = [chance.choice(["fruit", "fruit", "fruit", "tool"]) for _ in range(SIZE)]
    texts = [" ".join(chance.choices(words[label], k=3)) for label in labels]
    wrong = [chance.choice(["fruit", "tool"]) if n % 9 == 0 else x for n, x in enumerate(labels)]
    return pa.table(
        {
            "id": [f"k{n}" for n in range(SIZE)],
            "text": texts,
            "size": [float(n % 4) for n in range(SIZE)],
            "label": pa.array([None if n % 50 == 0 else x for n, x in enumerate(wrong)]),
        }
    )


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with Workspace.open(tmp_path_factory.mktemp("held") / "workspace") as opened:
        import_table(opened, table(), "d", roles=ROLES, author="me")
        verdicts = [
            Verdict(f"k{n}", "exclude") if n % 8 else Verdict(f"k{n}", "relabel", "tool")
            for n in range(0, SIZE, 4)
        ]
        annotate_many(opened, "d", verdicts, annotator="me")
        yield opened


def run(workspace: Workspace, *steps: Step) -> RunResult:
    return run_on_dataset(workspace, "d", Recipe(contract=CONTRACT, steps=steps))


def rows(result: RunResult, side: str = "test") -> dict[str, dict[str, Any]]:
    return {
        row["id"]: {name: row[name] for name in (*ROLES, "split")}
        for row in result.table().to_pylist()
        if row["split"] == side
    }


AFTER: dict[str, list[Step]] = {
    "apply_annotations": [ApplyAnnotations()],
    "filter": [Filter(where="size > 1 and split <> 'test'")],
    "drop_duplicates": [DropDuplicates(columns=["text"])],
    "fix_labels": [
        FixLabels(action="relabel", min_confidence=0.0), FixLabels(action="drop", min_confidence=0),
    ],
    "rebalance": [
        Rebalance(rows_per_class=5),
        Rebalance(method="oversample"),
        Rebalance(method="smote"),
        Rebalance(method="weights"),
    ],
    "sample": [Sample(n=10, per=["label"]), Sample(fraction=0.1)],
    "split": [],
}  # fmt: skip


def test_every_step_is_tried_after_a_split() -> None:
    assert set(AFTER) == {step.name for step in STEPS}


@pytest.fixture(scope="module")
def after_split(workspace: Workspace) -> dict[str, dict[str, Any]]:
    with run(workspace, SPLIT) as result:
        return rows(result)


@pytest.mark.parametrize(
    "step",
    [step for steps in AFTER.values() for step in steps],
    ids=lambda step: f"{step.name}: {step.describe()}",
)
def test_no_step_touches_the_test_rows(
    step: Step, workspace: Workspace, after_split: dict[str, dict[str, Any]]
) -> None:
    with run(workspace, SPLIT, step) as result:
        table = result.table()
        assert rows(result) == after_split
        assert table["split"].to_pylist().count("test") == len(after_split)
        # The step did something to the others, and the counts are of all rows.
        outcome = result.steps[1]
        assert outcome.rows_in == SIZE
        assert outcome.rows_out == result.rows == table.num_rows
        others = [row for row in table.to_pylist() if row["split"] != "test"]
        with run(workspace, SPLIT) as before:
            kept = [row for row in before.table().to_pylist() if row["split"] != "test"]
        assert others != kept
        places = f"SELECT count(*), count(DISTINCT {ROW_COLUMN}) FROM {result._relations[-1].name}"
        assert len(set(result._engine.values(places))) == 1
        touched = result.touched(10_000)
        assert touched is not None
        assert not set(touched["record_key"].to_pylist()) & set(after_split)


def test_rows_that_are_made_get_places_that_no_test_row_has(workspace: Workspace) -> None:
    newest = Split(by="time", timestamp="size", cutoffs=["3"], validation=0)
    with run(workspace, newest, Rebalance(method="oversample")) as result:
        last = result._relations[-1].name
        rows, places = result._engine.values(
            f"SELECT count(*), count(DISTINCT {ROW_COLUMN}) FROM {last}"
        )
        assert rows == places > SIZE
        assert result.table()["split"].to_pylist().count("test") == SIZE / 4
        made = [row["made"] is not None for row in result.table().to_pylist()]
        assert made == sorted(made)


def test_a_model_does_not_learn_from_the_test_rows(workspace: Workspace) -> None:
    """Labels of the test rows turned round, the others get the same labels."""
    turned = table()
    flip = {"fruit": "tool", "tool": "fruit", None: None}
    with run(workspace, SPLIT) as result:
        tested = set(rows(result))
    labels = [
        flip[label] if key in tested else label
        for key, label in zip(turned["id"].to_pylist(), turned["label"].to_pylist(), strict=True)
    ]
    turned = turned.set_column(3, "label", pa.array(labels))
    recipe = Recipe(contract=CONTRACT, steps=(SPLIT, FixLabels(min_confidence=0.0)))
    plain, odd = recipe.run(table()), recipe.run(turned)
    learned = [r for r in plain.to_pylist() if r["split"] != "test"]
    assert learned == [r for r in odd.to_pylist() if r["split"] != "test"]
    assert learned != [
        r for r in Recipe(contract=CONTRACT, steps=(SPLIT,)).run(table()).to_pylist()
        if r["split"] != "test"
    ]  # fmt: skip


def test_decisions_about_test_rows_are_held_back_and_counted(
    workspace: Workspace, after_split: dict[str, dict[str, Any]]
) -> None:
    decided = {f"k{n}" for n in range(0, SIZE, 4)}
    with run(workspace, SPLIT, ApplyAnnotations()) as result:
        counts, note = result.steps[1].counts, result.steps[1].note
    held = len(decided & set(after_split))
    assert counts["held_back"] == held
    assert f"{held} decisions about test held back" in note
    assert counts["applied"] == len(decided) - held
    assert counts["gone"] == counts["moved"] == 0
    with run(workspace, ApplyAnnotations(), SPLIT) as result:
        assert "held_back" not in result.steps[0].counts
        assert result.steps[0].counts["applied"] == len(decided)


def test_a_second_split_is_refused_while_one_is_frozen(workspace: Workspace) -> None:
    second = Split(id="again", column="part")
    with pytest.raises(UsageError, match=r"Step 3 \(split\): The step 'split' splits .* test is"):
        run(workspace, SPLIT, Filter(where="size > 0"), second)
    with run(workspace, SPLIT.model_copy(update={"frozen": ()}), second) as result:
        assert {"split", "part"} <= set(result.table().column_names)


def test_without_a_frozen_side_steps_see_all_rows(workspace: Workspace) -> None:
    plain = SPLIT.model_copy(update={"frozen": ()})
    with run(workspace, plain, Filter(where="split <> 'test'")) as result:
        assert rows(result) == {}
    both = SPLIT.model_copy(update={"frozen": ("validation", "test")})
    with run(workspace, both) as split, run(workspace, both, Filter(where="FALSE")) as result:
        assert rows(result, "validation") == rows(split, "validation") != {}
        assert result.rows == len(rows(split)) + len(rows(split, "validation"))


def test_a_file_has_the_split_and_steps_may_name_its_column(tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.parquet"
    table().to_pandas().to_csv(source, index=False)
    steps = (SPLIT, Filter(where="split <> 'validation'"))
    recipe = Recipe(contract=CONTRACT, steps=steps)
    assert parse(render(recipe)) == recipe
    nothing_frozen = Recipe(
        contract=CONTRACT, steps=(SPLIT.model_copy(update={"frozen": ()}), steps[1])
    )
    assert parse(render(nothing_frozen)) == nothing_frozen
    with run_on_file(recipe, source) as result:
        result.write(target)
        assert set(result.table()["split"].to_pylist()) == {"train", "test"}
        assert not set(INTERNAL_COLUMNS) & set(result.table().column_names)
        ids = result.table()["id"].to_pylist()
        assert ids == sorted(ids, key=lambda key: int(key[1:]))
        assert sum(result.class_counts().values()) <= result.rows
    assert target.exists()


def test_a_recipe_with_frozen_splits_keeps_every_row_on_its_side(workspace: Workspace) -> None:
    stratified = Split(by="stratified", per=["label", "size"])
    recipe = Recipe(contract=CONTRACT, steps=(Filter(where="size < 3"), stratified))
    frozen = with_frozen_splits(workspace, "d", recipe)
    assert frozen.steps[1].is_fixed
    assert not recipe.steps[1].is_fixed
    assert parse(render(frozen)) == frozen
    assert with_frozen_splits(workspace, "d", frozen) == frozen
    few = table().slice(0, 170)
    with run(workspace, *recipe.steps) as result:
        sides = {row["id"]: row["split"] for row in result.table().to_pylist()}
    kept = {row["id"]: row["split"] for row in frozen.run(few).to_pylist()}
    assert kept == {key: sides[key] for key in kept}
    refitted = {row["id"]: row["split"] for row in recipe.run(few).to_pylist()}
    assert refitted != kept
