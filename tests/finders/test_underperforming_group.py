"""Parts of the data for which the labels can hardly be predicted."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from curation.errors import LabelError
from curation.finders.search import search
from curation.finders.slices import Part, binned, compared, different
from curation.finders.underperforming_group import UnderperformingGroup
from curation.lake.roles import Roles
from curation.learn.clusters import clusters
from curation.learn.shared import Settings, Shared
from curation.sql import scalar_expression

RANDOM = np.random.default_rng(0)
SIZE = 1_200


def people(bad: np.ndarray | None = None) -> Shared:
    """Return people of whom some are hard to predict, by given probabilities."""
    age = RANDOM.integers(18, 80, SIZE)
    region = RANDOM.choice(["north", "south", "it's"], SIZE)
    is_bad = (age > 60) & (region == "north") if bad is None else bad
    sure = np.where(is_bad, 0.3, 0.9) + RANDOM.uniform(-0.08, 0.08, SIZE)
    labels = RANDOM.choice(["no", "yes"], SIZE)
    yes = np.where(labels == "yes", sure, 1 - sure)
    columns: dict[str, Any] = {
        "id": [f"r{n}" for n in range(SIZE)], "age": age, "home region": region,
        "noise": RANDOM.normal(size=SIZE), "label": labels, "p_no": 1 - yes, "p_yes": yes,
    }  # fmt: skip
    roles = {"id": "key", "label": "label"} | dict.fromkeys(
        ["age", "home region", "noise"], "feature"
    )
    settings = Settings(pred_probs_prefix="p_")
    return Shared(pa.table(columns), Roles.model_validate({"columns": roles}), settings)


def test_a_bad_slice_is_found_with_a_condition_that_holds_for_its_rows() -> None:
    data = people()
    finding = search(data, UnderperformingGroup())
    slices = finding.subjects.filter(pa.compute.equal(finding.subjects["kind"], "slice"))
    worst = slices.to_pylist()[0]
    assert worst["is_issue"]
    assert worst["subject"].startswith("age > ")
    assert worst["subject"].endswith(" and \"home region\" = 'north'")
    assert "mean label quality 0.3" in worst["explanation"]
    condition = scalar_expression(worst["subject"], data.table.column_names)
    with duckdb.connect() as connection:
        connection.register("data", data.table)
        found = connection.execute(f"SELECT count(*) FROM data WHERE {condition}").fetchone()
    assert found == (worst["rows"],)


def test_rows_of_a_bad_part_are_flagged_and_few_others() -> None:
    data = people()
    rows = search(data, UnderperformingGroup()).rows
    table = data.table
    is_bad = (table["age"].to_numpy() > 66) & (np.array(table["home region"]) == "north")
    flagged = rows["is_issue"].to_numpy(zero_copy_only=False)
    assert flagged[is_bad].all()
    assert flagged[table["age"].to_numpy() < 50].mean() < 0.1
    assert rows["score"].to_numpy()[is_bad].max() < 0.75
    assert all(rows.filter(rows["is_issue"])["explanation"].to_pylist())


def test_where_all_rows_are_alike_nothing_is_flagged() -> None:
    finding = search(people(np.zeros(SIZE, bool)), UnderperformingGroup())
    assert finding.summary.flagged == 0
    assert finding.summary.subjects_flagged == 0


def test_chance_alone_flags_nothing_in_many_comparisons() -> None:
    draw = np.random.default_rng(3)
    for _ in range(5):
        finding = search(people(draw.random(SIZE) < 0.3), UnderperformingGroup(threshold=0.95))
        assert finding.summary.subjects_flagged == 0
        assert finding.info["compared"] > 50


def test_a_part_of_half_the_rows_is_flagged_and_its_rows_are_not() -> None:
    place = np.arange(SIZE) < 0.5 * SIZE
    data = people(place)
    table = data.table.append_column("half", pa.array(place))
    roles = Roles(columns={**data.roles.columns, "half": "feature"})
    finding = search(Shared(table, roles, data.settings), UnderperformingGroup())
    slices = finding.subjects.filter(pa.compute.equal(finding.subjects["subject"], "half = true"))
    assert slices["is_issue"].to_pylist() == [True]
    assert "their rows are not flagged one by one" in " ".join(finding.notes)


def test_a_bad_cluster_of_texts_is_found() -> None:
    themes = ["cat dog pet", "bank money loan", "road car bus", "song drum band", "sun rain wind"]
    place = np.arange(1_000) % 5
    texts = [f"{' '.join(RANDOM.choice(themes[n].split(), 6))} {RANDOM.choice(9)}" for n in place]
    labels = [RANDOM.choice(["a", "b"]) if n == 4 else "ab"[n % 2] for n in place]
    data = Shared(
        pa.table({"id": range(1_000), "t": texts, "label": labels}),
        Roles(columns={"id": "key", "t": "text", "label": "label"}),
    )
    finding = search(data, UnderperformingGroup())
    flagged = finding.rows.filter(finding.rows["is_issue"])["row"].to_numpy()
    assert len(flagged) > 100
    assert (place[flagged] == 4).mean() > 0.95
    kinds = finding.subjects.filter(finding.subjects["is_issue"])
    assert set(kinds["kind"].to_pylist()) == {"group"}
    assert kinds["subject"][0].as_py().startswith("rows like '")


def test_parts_with_nearly_the_same_rows_are_told_once() -> None:
    parts = [
        Part("a", np.arange(0, 100), 0.1, 0.9, 0.0),
        Part("b", np.arange(2, 101), 0.2, 0.9, 0.0),
        Part("c", np.arange(50, 150), 0.3, 0.9, 0.0),
    ]
    assert [one.name for one in different(parts, 200, 10)] == ["a", "c"]
    assert [one.name for one in different(parts, 200, 1)] == ["a"]


def test_the_test_of_a_part_is_welchs() -> None:
    from scipy.stats import ttest_ind

    quality, codes = RANDOM.random(500), RANDOM.integers(-1, 3, 500)
    sizes, mean, rest, chance = compared(quality, codes, 3)
    inside = codes == 1
    assert sizes[1] == inside.sum()
    assert mean[1] == pytest.approx(quality[inside].mean())
    assert rest[1] == pytest.approx(quality[~inside].mean())
    theirs = ttest_ind(quality[inside], quality[~inside], equal_var=False, alternative="less")
    assert chance[1] == pytest.approx(theirs.pvalue, abs=0.01)


@pytest.mark.parametrize(
    ("values", "conditions"),
    [
        ([1, 2, 2, None], ["x = 1", "x = 2", "x is null"]),
        ([0.5, 1.5], ["x = 0.5", "x = 1.5"]),
        ([True, False, False], ["x = false", "x = true"]),
        (["b", "a", "b", "it's"], ["x = 'b'", "x = 'a'", "x = 'it''s'"]),
        (
            list(range(100)),
            [
                "x <= 19.8", "x > 19.8 and x <= 39.6", "x > 39.6 and x <= 59.4",
                "x > 59.4 and x <= 79.2", "x > 79.2",
            ],
        ),
        (["same"] * 3, None),
        ([[1.0]] * 3, None),
    ],
)  # fmt: skip
def test_a_column_is_cut_into_values_or_fifths(
    values: list[Any], conditions: list[str] | None
) -> None:
    found = binned(pa.table({"x": values}), "x")
    assert (found.conditions if found else None) == conditions
    if found:
        assert (found.codes >= 0).all()


def test_clusters_do_not_depend_on_the_order_of_the_rows() -> None:
    points = (RANDOM.normal(size=(500, 6)) + 5 * RANDOM.integers(0, 4, (500, 1))).astype(np.float32)
    order = RANDOM.permutation(500)
    first, second = clusters(points, 4), clusters(points[order], 4)
    assert (first.codes[order] == second.codes).all()
    assert (first.codes[first.centres] == np.arange(4)).all()


def test_too_few_labels_are_a_clear_error() -> None:
    table = pa.table({"t": ["a", "b", "c"], "label": ["p", "q", "p"]})
    data = Shared(table, Roles(columns={"t": "text", "label": "label"}))
    with pytest.raises(LabelError, match="3 rows with a label"):
        search(data, UnderperformingGroup())
