"""A run gives the same rows from a file, a table or a dataset, and says what it did."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from curation.errors import ContractError, CurationError, LabelError, UsageError
from curation.lake.annotations import annotate
from curation.lake.datasets import get_dataset
from curation.lake.documents import get_version
from curation.lake.imports import import_file, import_table
from curation.lake.roles import Role
from curation.lake.target_files import write_rows
from curation.lake.workspace import Workspace
from curation.recipe.drafts import NAME, draft_text, export, exported, load_draft, save_draft
from curation.recipe.manifest import manifest, report
from curation.recipe.model import ColumnSpec, Contract, Recipe, RecipeAnnotation
from curation.recipe.runner import run_on_dataset, run_on_file, run_on_frame
from curation.recipe.yaml import parse
from curation.steps import (
    ApplyAnnotations,
    DropDuplicates,
    Filter,
    FixLabels,
    Rebalance,
    Sample,
)

ROLES: dict[str, Role] = {"id": "key", "text": "text", "label": "label"}
TABLE = pa.table(
    {
        "id": [f"k{n}" for n in range(12)],
        "text": [f"text {n % 9}" for n in range(12)],
        "label": ["x", "y", "x"] * 4,
        "extra": list(range(12)),
    }
)
CONTRACT = Contract(
    columns={name: ColumnSpec(type="VARCHAR", role=role) for name, role in ROLES.items()}
)
DRAWN = ["inclusion_probability", "drawn_because"]
STEPS = (
    ApplyAnnotations(), Filter(where="extra <> 3"), DropDuplicates(), Rebalance(rows_per_class=3),
)  # fmt: skip
RECIPE = Recipe(contract=CONTRACT, steps=STEPS)


def csv(path: Path, table: pa.Table = TABLE) -> Path:
    table.to_pandas().to_csv(path, index=False)
    return path


def test_a_run_on_a_file_equals_the_run_on_the_dataset(
    workspace: Workspace, tmp_path: Path
) -> None:
    source = csv(tmp_path / "in.csv")
    import_file(workspace, source, "d", roles=ROLES | {"extra": "ignore"}, author="me")
    annotate(workspace, "d", "k0", "relabel", value="z", annotator="me")
    annotate(workspace, "d", "k1", "exclude", annotator="me")
    annotate(workspace, "d", "k2", "unsure", annotator="me")
    save_draft(workspace, "d", Recipe(name="d", steps=STEPS), "me")
    recipe = parse(export(workspace, "d"))
    with run_on_dataset(workspace, "d", load_draft(workspace, "d")) as on_dataset:
        with run_on_file(recipe, source) as on_file:
            assert on_file.table() == on_dataset.table()
            assert on_file.class_counts() == on_dataset.class_counts()
            for from_file, from_dataset in zip(on_file.steps, on_dataset.steps, strict=True):
                assert (from_file.rows_in, from_file.rows_out) == (
                    from_dataset.rows_in, from_dataset.rows_out,
                )  # fmt: skip
            assert on_file.steps[0].counts["applied"] == 2
        assert "z" in on_dataset.class_counts()
        assert run_on_frame(recipe, TABLE) == on_dataset.table()


def test_a_dataset_with_ignored_columns_only_has_the_same_fingerprints(
    workspace: Workspace, tmp_path: Path
) -> None:
    source = csv(tmp_path / "in.csv", TABLE.select(["id", "extra", "label"]))
    import_file(
        workspace,
        source,
        "d",
        roles={"id": "key", "label": "label", "extra": "ignore"},
        author="me",
    )
    annotate(workspace, "d", "k0", "relabel", value="z", annotator="me")
    with run_on_file(exported(workspace, "d"), source) as result:
        assert result.steps[0].counts["applied"] == 1


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (pa.Table.to_pandas, pd.DataFrame),
        (pl.from_arrow, pl.DataFrame),
        (lambda table: table, pa.Table),
    ],
)
def test_a_table_comes_back_as_what_it_was(make: Callable[[pa.Table], Any], kind: type) -> None:
    frame = make(TABLE)
    curated = RECIPE.run(frame)
    assert isinstance(curated, kind)
    rows = {
        pd.DataFrame: lambda f: f.to_dict("records"),
        pl.DataFrame: lambda f: f.to_dicts(),
        pa.Table: lambda f: f.to_pylist(),
    }[kind](curated)
    assert rows == RECIPE.run(TABLE).to_pylist()
    assert 0 < len(rows) < 12


@pytest.mark.parametrize("name", ["o.csv", "o.tsv", "o.jsonl", "o.csv.gz", "o.parquet", "o.arrow"])
def test_what_was_written_reads_back_the_same(tmp_path: Path, name: str) -> None:
    source = csv(tmp_path / "in.csv")
    with run_on_file(RECIPE, source) as result:
        result.write(tmp_path / name)
        expected = result.table()
    with run_on_file(Recipe(), tmp_path / name) as again:
        assert again.table() == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["in.csv", name])


def test_the_manifest_is_right(tmp_path: Path) -> None:
    source, target = csv(tmp_path / "in.csv"), tmp_path / "out.parquet"
    with run_on_file(RECIPE, source) as result:
        result.write(target)
        written = manifest(RECIPE, result, source, target)
        told = report(RECIPE, result)
    json.dumps([written, told])
    for part, path in (("input", source), ("output", target)):
        assert written[part]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert written[part]["file"] == path.name
    assert written["recipe"]["sha256"] == RECIPE.sha256
    assert written["input"]["rows"] == written["steps"][0]["rows_in"] == 12
    assert written["output"]["rows"] == written["steps"][-1]["rows_out"]
    ends = [(step["rows_in"], step["rows_out"]) for step in written["steps"]]
    assert [out for _, out in ends[:-1]] == [rows_in for rows_in, _ in ends[1:]]
    assert sum(told["classes_after"].values()) == told["rows_out"]
    assert written["versions"]["duckdb"] == "1.5.5"


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    source = csv(tmp_path / "in.csv")
    digests = set()
    for name in ("a.csv", "b.csv"):
        with run_on_file(RECIPE, source) as result:
            result.write(tmp_path / name)
        digests.add((tmp_path / name).read_bytes())
    assert len(digests) == 1


def test_a_file_spelt_or_typed_otherwise_is_taken_as_the_contract_says(tmp_path: Path) -> None:
    recipe = Recipe(
        contract=Contract(
            columns={
                "Id": ColumnSpec(type="VARCHAR", role="key"),
                "Score": ColumnSpec(type="DOUBLE", role="feature"),
                "Label": ColumnSpec(type="VARCHAR", role="label"),
            }
        ),
        steps=(ApplyAnnotations(), Filter(where="score > 1"), Rebalance(rows_per_class=5)),
        annotations=(
            RecipeAnnotation(
                record_key="2", fingerprint=hashlib.md5(b"2.0").hexdigest(), given="0",
                decision="relabel", value="1",
            ),
        ),
    )  # fmt: skip
    source = tmp_path / "in.csv"
    source.write_text("id,score,label\n1,1,0\n2,2,0\n3,3,1\n")
    with run_on_file(recipe, source) as result:
        assert result.table().to_pylist() == [
            {"Id": "2", "Score": 2.0, "Label": "1"}, {"Id": "3", "Score": 3.0, "Label": "1"},
        ]  # fmt: skip
        assert result.steps[0].counts["applied"] == 1
        assert "Column 'id' is taken for 'Id'." in result.notes
        assert "Column 'Score' is BIGINT; it is taken as DOUBLE." in result.notes


def test_a_column_of_another_type_is_said(tmp_path: Path) -> None:
    data = TABLE.set_column(1, "text", [[n + 0.5 for n in range(12)]])
    with run_on_file(Recipe(contract=CONTRACT), csv(tmp_path / "in.csv", data)) as result:
        assert "Column 'text' is DOUBLE; the recipe was written for VARCHAR." in result.notes


def test_refused_rows_of_a_run_are_said(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("id,label\n" + "".join(f"{n},x\n" for n in range(200)) + "oops\n")
    with run_on_file(Recipe(), source) as result:
        assert result.rows == 200
        assert any("line 202" in note for note in result.notes)


BROKEN: dict[str, tuple[Recipe, pa.Table, type[CurationError], str]] = {
    "no label": (RECIPE, TABLE.drop_columns("label"), ContractError, "no column 'label'"),
    "misspelt": (
        RECIPE, TABLE.rename_columns(["id", "text", "labels", "extra"]), ContractError,
        "Did you mean 'labels'?",
    ),
    "a column of a step": (
        Recipe(contract=CONTRACT, steps=(Filter(where="extr > 1"),)), TABLE, ContractError,
        "no column 'extr', which step 1 (filter) uses. Did you mean 'extra'?",
    ),
    "no label in the contract": (
        Recipe(steps=(Rebalance(rows_per_class=1),)), TABLE.drop_columns("label"), ContractError,
        "contract: {columns: {intent: {role: label}}}",
    ),
    "key twice": (
        RECIPE, TABLE.set_column(0, "id", [["a", "a", *"cdefghijkl"]]), ContractError,
        "The key id occurs more than once in the data, for example 'a'",
    ),
    "a value that cannot be cast": (
        Recipe(steps=(Filter(where="extra > 1"), Filter(where="cast(text AS INT) = 1", id="b"))), TABLE,
        UsageError, "Step 2 (filter): The expression cannot be computed",
    ),
    "nothing left to learn from": (
        Recipe(contract=CONTRACT, steps=(Filter(where="extra > 99"), FixLabels())), TABLE, LabelError,
        "Step 2 (fix_labels): ",
    ),
    "one class": (
        Recipe(contract=CONTRACT, steps=(Filter(where="label = 'x'"), FixLabels())), TABLE, LabelError,
        "one class only",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_data_that_do_not_fit_are_told_in_words(case: str) -> None:
    recipe, table, error, message = BROKEN[case]
    with pytest.raises(error) as caught:
        recipe.run(table)
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 3


def test_a_recipe_without_a_contract_detects_what_columns_are_for(tmp_path: Path) -> None:
    write_rows(TABLE.to_reader(), tmp_path / "data.parquet")
    steps = (Rebalance(rows_per_class=1),)
    with run_on_file(Recipe(steps=steps), tmp_path / "data.parquet") as result:
        assert "label is label" in result.notes[0]
        detected = result.table()
    full = Recipe(contract=CONTRACT, steps=steps).run(TABLE)
    assert sorted(detected["id"].to_pylist()) == sorted(full["id"].to_pylist())
    only_label = Contract(columns={"label": ColumnSpec(role="label")})
    assert Recipe(contract=only_label, steps=steps).run(TABLE).equals(detected)


def test_a_recipe_that_drops_every_row_gives_no_row() -> None:
    recipe = Recipe(
        contract=CONTRACT,
        steps=(Filter(where="false"), ApplyAnnotations(), DropDuplicates(), Rebalance(rows_per_class=1),
               Sample(n=1), Sample(fraction=0.5, per=["label"], id="s")),
    )  # fmt: skip
    curated = recipe.run(TABLE)
    assert curated.num_rows == 0
    assert curated.column_names == [*TABLE.column_names, *DRAWN]


@pytest.mark.parametrize(
    "rows",
    [TABLE.slice(0, 1), pa.table({"select": [[1, 2]], "row": [{"a": 1}], "key": [2**63 - 1]})],
)
def test_one_row_of_any_type_passes_through(rows: pa.Table) -> None:
    curated = Recipe(steps=(Sample(n=1), Filter(where="true"))).run(rows)
    assert curated.num_rows == 1
    assert curated.column_names == [*rows.column_names, *DRAWN]


def test_a_recipe_without_steps_gives_the_data_back() -> None:
    assert Recipe().run(TABLE) == TABLE


def test_a_run_of_some_steps_and_an_older_snapshot(workspace: Workspace) -> None:
    first = import_table(workspace, TABLE, "d", roles=ROLES, author="me")
    import_table(workspace, TABLE.slice(6), "d", author="me")
    with run_on_dataset(workspace, "d", RECIPE, snapshot=first.snapshot, until=2) as result:
        assert [step.name for step in result.steps] == ["apply_annotations", "filter"]
        assert (result.rows_in, result.rows) == (12, 11)
        assert result.class_counts(0) == {"x": 8, "y": 4}


def test_a_draft_keeps_every_version_and_its_comments(workspace: Workspace) -> None:
    import_table(workspace, TABLE, "d", roles=ROLES, author="me")
    assert load_draft(workspace, "d").steps == (ApplyAnnotations(),)
    assert draft_text(workspace, "d") == ""
    before = get_dataset(workspace, "d").snapshot
    drafts = [Recipe(name="d", steps=STEPS[:count]) for count in range(4)]
    versions = [save_draft(workspace, "d", draft, "me") for draft in drafts]
    assert load_draft(workspace, "d") == drafts[-1]
    assert draft_text(workspace, "d").startswith("# Run it: curation run")
    assert versions == [1, 2, 3, 4]
    for version, draft in zip(versions, drafts, strict=True):
        assert parse(get_version(workspace, "recipe", "d", NAME, version).text) == draft
    assert get_dataset(workspace, "d").snapshot == before


def test_an_exported_recipe_holds_contract_and_decisions_only(workspace: Workspace) -> None:
    import_table(workspace, TABLE, "d", roles=ROLES | {"extra": "ignore"}, author="me")
    annotate(workspace, "d", "k0", "relabel", value="z", annotator="ann", reason="secret reason")
    annotate(workspace, "d", "k1", "unsure", annotator="ann")
    text = export(workspace, "d")
    recipe = parse(text)
    assert list(recipe.contract.columns) == ["id", "text", "label"]
    assert [(a.record_key, a.decision, a.value) for a in recipe.annotations] == [
        ("k0", "relabel", "z")
    ]
    assert "secret reason" not in text
    assert "text 0" not in text
    assert load_draft(workspace, "d").annotations == ()


def test_rows_that_a_step_made_are_listed_with_those_it_touched(support: Workspace) -> None:
    recipe = Recipe(steps=(Rebalance(method="oversample"),))
    with run_on_dataset(support, "support", recipe) as result:
        touched = result.touched(100_000)
        assert touched is not None
        made = [row for row in touched.to_pylist() if row["what"] == "made"]
        assert len(made) == result.rows - result.rows_in == result.steps[0].counts["added"] > 0
        assert all(row["before"] is None and row["after"] for row in made)
