"""Features and texts that give the label away are named; good features are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from curation.finders.base import Finding
from curation.finders.label_leakage import LabelLeakage
from curation.lake.roles import Role, Roles
from curation.learn.shared import Shared

RANDOM = np.random.default_rng(0)
SIZE = 600
LABELS = RANDOM.choice(["refund", "order", "login"], SIZE, p=[0.6, 0.3, 0.1])


def look(roles: dict[str, Role], **columns: Any) -> Finding:
    table = pa.table({"label": LABELS} | columns)
    return LabelLeakage().find(Shared(table, Roles(columns={"label": "label", **roles})))


def flagged(finding: Finding) -> dict[str, str]:
    return {
        one["subject"]: one["explanation"]
        for one in finding.subjects.to_pylist()
        if one["is_issue"]
    }


@pytest.mark.parametrize(
    "codes",
    [
        {"refund": 3, "order": 1, "login": 2},
        {"refund": "R", "order": "O", "login": "L"},
        {"refund": None, "order": "O", "login": "L"},
    ],
)
def test_the_label_under_another_name_is_named_as_such(codes: dict[str, Any]) -> None:
    found = look({"code": "feature"}, code=[codes[label] for label in LABELS])
    assert "stand for the classes one by one" in flagged(found)["code"]


def test_a_number_made_from_the_label_is_named() -> None:
    bugs = np.where(LABELS == "refund", 0, np.where(LABELS == "order", 1, 9))
    count = bugs + (bugs == 9) * RANDOM.integers(0, 20, SIZE)
    line = flagged(look({"count": "feature"}, count=count))["count"]
    assert line.startswith("'count' alone tells the label in 9")
    assert line.endswith("% without it.")


def test_a_good_feature_is_no_leak() -> None:
    good = np.where(RANDOM.random(SIZE) < 0.85, LABELS, "order")
    noise = RANDOM.normal(size=SIZE)
    ids = [f"r{i}" for i in range(SIZE)]
    roles: dict[str, Role] = {"good": "feature", "noise": "feature", "ids": "feature"}
    assert flagged(look(roles, good=good, noise=noise, ids=ids)) == {}


def test_texts_that_name_their_class_are_named_and_flagged() -> None:
    texts = [
        f"[{label.upper()}] please help" if i % 2 else "please help"
        for i, label in enumerate(LABELS)
    ]
    found = look({"text": "text"}, text=[f"{text} {i}" for i, text in enumerate(texts)])
    assert "name their own class in 50% of the rows" in flagged(found)["text"]
    assert np.flatnonzero(found.rows["is_issue"]).tolist() == list(range(1, SIZE, 2))
    assert found.rows["explanation"][1].as_py() == f"the text names its own class, '{LABELS[1]}'"


def test_texts_that_name_any_class_are_left_alone() -> None:
    words = RANDOM.choice(["refund", "order", "login"], SIZE)
    texts = [f"about my {word} {i}" for i, word in enumerate(words)]
    assert flagged(look({"text": "text"}, text=texts)) == {}
    assert (
        flagged(look({"text": "text"}, text=[f"{name}ing {i}" for i, name in enumerate(LABELS)]))
        == {}
    )


def test_numbers_as_classes_are_not_looked_for_in_texts() -> None:
    labels = RANDOM.integers(100, 103, SIZE)
    texts = [f"{label} things, {i}" for i, label in enumerate(labels)]
    assert flagged(look({"text": "text"}, text=texts, label=labels)) == {}
