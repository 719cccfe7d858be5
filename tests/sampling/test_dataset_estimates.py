"""What a rule's sample of a dataset says of all its rows."""

from __future__ import annotations

import pytest

from curation.errors import UnknownNameError, UsageError
from curation.lake.datasets import class_counts
from curation.lake.workspace import Workspace
from curation.sampling.previews.dataset_estimates import column_estimates
from curation.sampling.rules.rule import Rule


def test_rows_of_strata_are_known_exactly(support: Workspace) -> None:
    rule = Rule(n=10, per=("intent",))
    found = {one.name: one for one in column_estimates(support, "support", rule, "intent")}
    counts = class_counts(support, "support")
    assert {name: round(one.total) for name, one in found.items()} == counts
    assert {one.rows for one in found.values()} == {10}


def test_a_fraction_tells_of_another_column_with_an_interval(support: Workspace) -> None:
    found = column_estimates(support, "support", Rule(fraction=0.5), "channel")
    assert sum(one.total for one in found) == pytest.approx(640, rel=0.15)
    assert all(one.rows <= one.low < one.total < one.high for one in found)


def test_ranked_rows_stand_for_no_others(support: Workspace) -> None:
    with pytest.raises(UsageError, match="cannot be"):
        column_estimates(support, "support", Rule(by="uncertainty", n=5), "intent")


def test_an_unknown_column_is_told_with_the_nearest(support: Workspace) -> None:
    with pytest.raises(UnknownNameError, match="'channel'"):
        column_estimates(support, "support", Rule(fraction=0.5), "chanel")
