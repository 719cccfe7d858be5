"""Properties that tell the label are named; debris under which labels are turned round is found."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from curation.finders.base import Finding
from curation.finders.spurious_correlation import SpuriousCorrelation
from curation.finders.text_properties import MARKS, marked
from curation.lake.roles import Role, Roles
from curation.learn.shared import Shared

RANDOM = np.random.default_rng(0)
SIZE = 1_000
LABELS = RANDOM.choice(["good", "bad"], SIZE)
GOOD = ["love", "great", "best", "nice", "happy", "fun", "recipes", "pretty"]
BAD = ["late", "waste", "never", "boring", "ads", "missing", "cancel", "poor"]
PLAIN = [f"word{i}" for i in range(60)]


def review(label: str) -> str:
    own = RANDOM.choice(GOOD if label == "good" else BAD, 3)
    other = RANDOM.choice(GOOD + BAD, 1)
    return " ".join(RANDOM.permutation([*own, *other, *RANDOM.choice(PLAIN, 6)]))


REVIEWS = [review(label) for label in LABELS]


def look(roles: dict[str, Role], sensitive: tuple[str, ...] = (), **columns: Any) -> Finding:
    table = pa.table({"label": LABELS} | columns)
    wanted = Roles(columns={"label": "label", **roles}, sensitive=sensitive)
    return SpuriousCorrelation().find(Shared(table, wanted))


def texts(reviews: list[str], labels: Any = LABELS) -> Finding:
    return look({"text": "text"}, text=reviews, label=labels)


def flagged(finding: Finding) -> dict[str, str]:
    return {
        one["subject"]: one["explanation"]
        for one in finding.subjects.to_pylist()
        if one["is_issue"]
    }


def test_clean_reviews_raise_no_alarm() -> None:
    found = texts(REVIEWS)
    assert flagged(found) == {}
    assert found.rows.num_rows == 0


def test_labels_turned_round_under_html_debris_are_found_and_flagged() -> None:
    debris = RANDOM.random(SIZE) < 0.35
    turned = np.where(debris, np.where(LABELS == "good", "bad", "good"), LABELS)
    found = texts(
        [f"<br>{text}</br>" if odd else text for text, odd in zip(REVIEWS, debris, strict=True)],
        turned,
    )
    assert "their labels seem to be turned round" in flagged(found)["texts with HTML tags"]
    assert (found.rows["row"].to_numpy() == np.flatnonzero(debris)).all()
    issues = found.rows.filter(found.rows["is_issue"])
    assert issues.num_rows > 0.9 * debris.sum()
    right = LABELS[issues["row"].to_numpy()] == issues["suggestion"].to_numpy(zero_copy_only=False)
    assert right.mean() > 0.9


def test_labels_given_at_random_under_debris_are_found() -> None:
    debris = RANDOM.random(SIZE) < 0.4
    labels = np.where(debris, RANDOM.permutation(LABELS), LABELS)
    found = texts(
        [f"{text} http://x.y" if odd else text for text, odd in zip(REVIEWS, debris, strict=True)],
        labels,
    )
    assert "given at random" in flagged(found)["texts with web addresses"]


def test_debris_with_right_labels_is_no_issue() -> None:
    debris = RANDOM.random(SIZE) < 0.35
    found = texts(
        [f"<br>{text}" if odd else text for text, odd in zip(REVIEWS, debris, strict=True)]
    )
    assert flagged(found) == {}


def test_another_kind_of_text_that_makes_sense_in_itself_is_no_issue() -> None:
    other = RANDOM.random(SIZE) < 0.4
    foreign = {word: f"{word}é" for word in [*GOOD, *BAD, *PLAIN]}
    mixed = [
        " ".join(foreign[word] for word in text.split()) if odd else text
        for text, odd in zip(REVIEWS, other, strict=True)
    ]
    assert flagged(texts(mixed)) == {}


def test_debris_in_one_class_is_named() -> None:
    found = texts(
        [
            f"<li>{text}" if label == "bad" else text
            for text, label in zip(REVIEWS, LABELS, strict=True)
        ]
    )
    assert "100% are 'bad'; of the others 0%" in flagged(found)["texts with HTML tags"]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda text: text + " word1" * 9, "number of words"),
        (str.upper, "share of capitals among the letters"),
        (lambda text: text + " 123456", "share of digits"),
        (lambda text: text.replace(" ", ", "), "share of punctuation"),
        (lambda text: f"zebra {text}", "first word"),
        (lambda text: f"{text} zebra", "texts with 'zebra'"),
    ],
)
def test_a_property_of_the_texts_of_one_class_is_named(change: Any, name: str) -> None:
    changed = [
        change(text) if label == "bad" else text
        for text, label in zip(REVIEWS, LABELS, strict=True)
    ]
    assert name in flagged(texts(changed))


def test_origin_group_hour_and_missing_values_are_looked_at() -> None:
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    good = LABELS == "good"
    found = look(
        {"x": "feature", "source": "feature", "shop_id": "group", "at": "timestamp"},
        x=np.where(good, None, 1.0),
        source=np.where(good, "web", "mail"),
        shop_id=np.where(good, RANDOM.integers(0, 9, SIZE), RANDOM.integers(9, 18, SIZE)),
        at=[start + dt.timedelta(days=i, hours=6 if one else 18) for i, one in enumerate(good)],
    )
    assert set(flagged(found)) == {"number of missing values", "source", "shop_id", "hour of at"}


def test_a_feature_may_tell_the_label_but_a_sensitive_one_hardly() -> None:
    some = np.where(RANDOM.random(SIZE) < 0.65, LABELS, "bad")
    roles: dict[str, Role] = {"gender": "feature"}
    assert flagged(look(roles, gender=some)) == {}
    assert set(flagged(look(roles, ("gender",), gender=some))) == {"gender"}


def test_chance_raises_no_alarm() -> None:
    for seed in range(5):
        draw = np.random.default_rng(seed)
        labels = draw.choice(["a", "b", "c"], SIZE)
        roles: dict[str, Role] = {"text": "text", "source": "feature", "who": "group"}
        found = look(roles, text=REVIEWS, label=labels, source=draw.choice(list("pqr"), SIZE),
                     who=draw.integers(0, 200, SIZE))  # fmt: skip
        assert flagged(found) == {}


@pytest.mark.parametrize(
    ("mark", "text", "not_this"),
    [
        ("HTML tags", "a<br/>b", "a < b > c"),
        ("HTML entities", "fish &amp; chips", "fish & chips; bread"),
        ("web addresses", "see http://x.y", "see http"),
        ("e-mail addresses", "to a.b@c.de", "a @ b"),
        ("invisible signs", "a\ufeff", "a "),
        ("line breaks", "a\nb", "a\n"),
        ("spaces at the start or end", " a", "a b"),
        ("signs beyond ASCII", "é", "e"),
    ],
)
def test_a_mark_is_seen(mark: str, text: str, not_this: str) -> None:
    assert marked(pa.array([text, not_this, None]), mark).tolist() == [True, False, False]
    assert mark in MARKS
