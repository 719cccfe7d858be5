"""Numbers that are likely wrong."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from curation.errors import DataError, LabelError, UsageError
from curation.finders.base import Finding
from curation.finders.regression_label import RegressionLabel
from curation.finders.search import find_issues
from curation.lake.roles import Roles

ROWS = 400


def prices(errors: int = 20, seed: int = 0) -> tuple[pa.Table, np.ndarray]:
    """Return flats whose price follows from size and age, the first few prices far off."""
    random = np.random.default_rng(seed)
    size, age = random.uniform(20, 150, ROWS), random.uniform(0, 80, ROWS)
    price = 3 * size - age + random.normal(0, 8, ROWS)
    wrong = np.arange(ROWS) < errors
    price[wrong] += random.choice([-1, 1], errors) * random.uniform(100, 250, errors)
    return pa.table({"size": size, "age": age, "price": price}), wrong


def find(table: pa.Table, roles: dict[str, str] | None = None, **parameters: Any) -> Finding:
    columns = dict.fromkeys(table.column_names, "feature") | {"price": "label"}
    columns |= roles or {}
    return find_issues(
        table, RegressionLabel(**parameters), roles=Roles.model_validate({"columns": columns})
    )


def test_planted_errors_come_first_and_are_flagged_with_what_the_others_suggest() -> None:
    table, wrong = prices()
    finding = find(table)
    rows = finding.rows
    score, is_issue = rows["score"].to_numpy(), rows["is_issue"].to_numpy()
    assert roc_auc_score(wrong, -score) > 0.99
    assert is_issue[wrong].mean() > 0.9
    assert is_issue[~wrong].sum() <= 0.3 * is_issue.sum()
    suggested = np.array(
        [float(s) for s in rows["suggestion"].filter(rows["is_issue"]).to_pylist()]
    )
    expected = 3 * table["size"].to_numpy() - table["age"].to_numpy()
    assert np.abs(suggested - expected[is_issue]).max() < 40
    assert rows["suggestion"].null_count == rows["explanation"].null_count == (~is_issue).sum()
    assert 10 <= finding.summary.estimated_errors <= 25
    assert any("lower bound" in note for note in finding.notes)


def test_the_explanation_names_both_numbers_and_the_direction() -> None:
    table, _ = prices()
    rows = find(table).rows
    lines = rows.filter(rows["is_issue"]).to_pylist()
    assert lines
    for row in lines:
        side = "above" if float(row["given_label"]) > float(row["suggestion"]) else "below"
        assert f"is far {side} {row['suggestion']}" in row["explanation"]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_data_without_errors_raise_next_to_no_flags(seed: int) -> None:
    finding = find(prices(0, seed)[0])
    assert finding.summary.flagged <= 2
    assert finding.summary.estimated_errors <= 3


def test_a_region_where_numbers_scatter_is_not_flagged_as_a_whole() -> None:
    random = np.random.default_rng(0)
    x = random.uniform(0, 1, 800)
    noisy = x > 0.8
    y = x + np.where(noisy, 1.0, 0.05) * random.normal(size=800)
    finding = find(pa.table({"x": x, "price": y}))
    assert finding.rows["is_issue"].to_numpy()[noisy].mean() < 0.1


def test_fewer_false_alarms_allowed_flags_fewer_rows() -> None:
    table, _ = prices(40)
    flagged = [find(table, false_share=share).summary.flagged for share in (0.01, 0.3, 0.9)]
    assert flagged == sorted(flagged)
    assert flagged[0] < flagged[-1]


def test_another_order_of_the_rows_gives_the_same_scores() -> None:
    table, _ = prices()
    order = np.random.default_rng(1).permutation(ROWS)
    straight = find(table).rows["score"].to_numpy()
    shuffled = find(table.take(pa.array(order))).rows["score"].to_numpy()
    np.testing.assert_allclose(shuffled, straight[order], atol=1e-3)


def test_copies_of_an_error_do_not_vouch_for_each_other() -> None:
    table, _ = prices(1)
    copies = pa.concat_tables([table, *[table.slice(0, 1)] * 5])
    scores = find(copies).rows["score"].to_numpy()
    assert scores[[0, *range(ROWS, ROWS + 5)]].max() < np.quantile(scores, 0.05)


def test_rows_of_a_group_do_not_vouch_for_each_other() -> None:
    random = np.random.default_rng(2)
    house = np.repeat(np.arange(80), 5)
    x = np.repeat(random.normal(size=80), 5)
    y = x + 0.1 * random.normal(size=400)
    y[:5] += 4
    table = pa.table({"x": x, "z": random.normal(size=400) * 1e-3, "house": house, "price": y})
    scores = find(table, {"house": "group"}).rows["score"].to_numpy()
    assert scores[:5].max() < 0.1


def test_whole_numbers_get_whole_suggestions_and_the_rows_without_one_are_left_out() -> None:
    table, _ = prices()
    whole = [None if i % 50 == 49 else round(v) for i, v in enumerate(table["price"].to_pylist())]
    finding = find(table.set_column(2, "price", pa.array(whole, pa.int32())))
    assert finding.rows.num_rows == ROWS - 8
    assert 49 not in finding.rows["row"].to_pylist()
    assert all("." not in s for s in finding.rows["suggestion"].drop_null().to_pylist())
    assert "8 rows without a finite number left out." in finding.notes


@pytest.mark.parametrize("wild", [np.inf, -np.inf, np.nan, 1e300, -1e308])
def test_a_wild_number_spoils_nothing(wild: float) -> None:
    table, wrong = prices()
    values = table["price"].to_numpy().copy()
    values[200] = wild
    finding = find(table.set_column(2, "price", pa.array(values)))
    kept = finding.rows["row"].to_numpy()
    score = finding.rows["score"].to_numpy()
    assert roc_auc_score(wrong[kept] | (kept == 200), -score) > 0.99


def test_decimals_and_features_with_gaps_are_read() -> None:
    table, wrong = prices()
    price = pa.array([Decimal(f"{v:.2f}") for v in table["price"].to_pylist()], pa.decimal128(9, 2))
    size = pa.array([None if i % 7 == 3 else v for i, v in enumerate(table["size"].to_pylist())])
    scores = find(table.set_column(2, "price", price).set_column(0, "size", size)).rows["score"]
    assert roc_auc_score(wrong, -scores.to_numpy()) > 0.85


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ([1.0] * ROWS, LabelError, "1 different number"),
        ([0, 1] * (ROWS // 2), LabelError, "2 different numbers: they look like classes"),
        ([None] * ROWS, LabelError, "a number in 0 rows of 400"),
        ([1.0, 2.0, 3.0] + [None] * (ROWS - 3), LabelError, "a number in 3 rows of 400"),
        ([True, False] * (ROWS // 2), UsageError, "holds bool"),
        (["a"] * ROWS, UsageError, "use the finder 'label'"),
    ],
)
def test_a_label_that_is_no_number_is_refused(
    values: list[Any], error: type[Exception], message: str
) -> None:
    kind = pa.float64() if values[-1] is None else None
    with pytest.raises(error, match=message):
        find(prices()[0].set_column(2, "price", pa.array(values, kind)))


def test_dates_are_no_numbers_and_no_content_is_said() -> None:
    table = prices()[0]
    dates = pa.array(np.arange(ROWS), pa.int32()).cast(pa.date32())
    with pytest.raises(UsageError, match="holds date32"):
        find(table.set_column(2, "price", dates))
    with pytest.raises(UsageError, match="no column to predict the number from"):
        find(table, {"size": "ignore", "age": "ignore"})


def test_one_group_for_all_is_said() -> None:
    table = prices()[0].append_column("town", pa.array(["x"] * 399 + [None]))
    finding = find(table, {"town": "group"})
    assert finding.rows.num_rows == ROWS or finding.notes


def test_constant_content_is_an_error_that_says_so() -> None:
    table = prices()[0]
    same = pa.array(np.ones(ROWS))
    constant = table.set_column(0, "size", same).set_column(1, "age", same)
    with pytest.raises((UsageError, DataError)):
        find(constant)


def test_mostly_one_value_flags_without_failing() -> None:
    table = prices()[0]
    values = np.zeros(ROWS)
    values[:30] = np.arange(30)
    finding = find(table.set_column(2, "price", pa.array(values)))
    assert finding.rows.num_rows == ROWS
