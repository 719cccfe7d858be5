"""Learners that presets may add."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pyarrow as pa
import pytest

from curation.lake.roles import Roles
from curation.learn import plain_learners
from curation.learn.alike import leave_out_groups
from curation.learn.content import read_content
from curation.learn.learners import Task
from curation.progress import no_progress

ROLES = {
    "text": Roles(columns={"text": "text"}),
    "vector": Roles(columns={"vector": "embedding"}),
    "size": Roles(columns={"size": "feature", "weight": "feature"}),
}
LEARNERS = [
    ("text", plain_learners.centroid_on_dense),
    ("vector", plain_learners.centroid_on_dense),
    ("text", plain_learners.bayes_on_texts),
    ("vector", partial(plain_learners.curved_on_vectors, width=64)),
    ("size", partial(plain_learners.curved_on_features, width=64)),
    ("size", plain_learners.boosted_on_features),
]


def table(rows: int = 300) -> tuple[pa.Table, np.ndarray]:
    random = np.random.default_rng(0)
    codes = random.integers(0, 2, rows)
    words = np.array([["river", "boat", "water"], ["invoice", "bank", "money"]])
    texts = [" ".join(random.choice(words[code], 3)) + f" {i}" for i, code in enumerate(codes)]
    size = codes + random.normal(size=rows) * 0.3
    vectors = np.stack([size, random.normal(size=rows)], axis=1).tolist()
    columns = {"text": texts, "vector": vectors, "size": size, "weight": random.normal(size=rows)}
    codes[::9] = -1
    return pa.table(columns), codes


def task(data: pa.Table, codes: np.ndarray, kind: str) -> Task:
    content = read_content(data, ROLES[kind])
    groups = leave_out_groups(data, codes, ROLES[kind], content, None).groups
    return Task(content, codes, 2, groups, seed=0)


@pytest.mark.parametrize(("kind", "learn"), LEARNERS)
def test_each_learns_what_can_be_learned_in_any_order_of_rows(kind: str, learn: Callable) -> None:
    data, codes = table()
    found, said = learn(task(data, codes, kind), progress=no_progress)
    assert said
    labelled = codes >= 0
    assert (found.argmax(axis=1) == codes)[labelled].mean() > 0.85
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    order = np.random.default_rng(1).permutation(len(codes))
    other, _ = learn(task(data.take(order), codes[order], kind), progress=no_progress)
    np.testing.assert_allclose(other, found[order], atol=1e-3)


def test_texts_without_a_word_get_the_classes_shares() -> None:
    data = pa.table({"text": ["!", "?", "…", "-", "+", "="]})
    found, _ = plain_learners.bayes_on_texts(
        task(data, np.array([0, 0, 0, 0, 1, 1]), "text"), no_progress
    )
    assert (found[:, 0] > found[:, 1]).all()
