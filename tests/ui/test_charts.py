"""Figures: what is folded, marked and scaled."""

from __future__ import annotations

from curation.ui import charts
from curation.ui.theme import LIGHT


def test_many_classes_are_folded_into_the_mean_of_the_others() -> None:
    counts = {f"class {n:02}": 100 - n for n in range(77)}
    shown = charts.fold(counts)
    assert len(shown) == charts.MOST_CLASSES
    assert list(shown)[-1] == "mean of 58 others"
    assert shown["mean of 58 others"] == sum(list(counts.values())[19:]) / 58


def test_after_is_folded_like_before() -> None:
    before = {f"class {n}": 100 for n in range(30)}
    after = dict.fromkeys(before, 10)
    figure = charts.class_bars(before, after, colours=LIGHT)
    assert set(figure.data[1].x) == {10}
    assert list(figure.data[0].y) == list(figure.data[1].y)
    assert list(figure.data[0].customdata) == list(figure.data[1].customdata)


def test_long_names_that_begin_alike_keep_their_own_bars() -> None:
    before = {"balance_not_updated_after_cheque": 5, "balance_not_updated_after_transfer": 4}
    figure = charts.class_bars(before, colours=LIGHT)
    assert list(figure.data[0].y) == [0, 1]
    assert len(set(figure.layout.yaxis.ticktext)) == 2


def test_changed_classes_carry_both_numbers() -> None:
    figure = charts.class_bars({"a": 1200, "b": 30}, {"a": 300, "b": 30}, colours=LIGHT)
    assert list(figure.data[-1].text) == [" 1,200 → 300", " 30"]


def test_the_axis_is_logarithmic_above_a_hundredfold() -> None:
    assert charts.class_bars({"a": 1000, "b": 9}, colours=LIGHT).layout.xaxis.type == "log"
    assert charts.class_bars({"a": 900, "b": 9}, colours=LIGHT).layout.xaxis.type != "log"


def test_the_given_label_is_named_not_only_coloured() -> None:
    figure = charts.probabilities(
        {"card": 0.71, "lost": 0.06, "others": 0.23}, given="lost", suggested="card", colours=LIGHT
    )
    assert list(figure.data[0].text) == ["71%", "6% given", "23%"]
    assert list(figure.data[0].marker.color) == [LIGHT.ours, LIGHT.given, LIGHT.context]


def test_no_counts_make_an_empty_figure() -> None:
    assert len(charts.class_bars({}, colours=LIGHT).data[0].y or ()) == 0
