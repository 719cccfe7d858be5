"""Class probabilities of rows without a label, from a model of those that have one."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from curation.lake.roles import Roles
from curation.learn.arrays import Codes, Matrix
from curation.learn.content import Content, read_content
from curation.learn.text import embed
from curation.learn.vectors import scaled
from curation.progress import Progress, no_progress

LEAST_PER_CLASS = 2
"""Labelled rows that a class needs before anything is learned from it."""


def predict(
    table: pa.Table,
    codes: Codes,
    classes: int,
    roles: Roles,
    *,
    progress: Progress = no_progress,
) -> Matrix | None:
    """Return class probabilities of the rows without a label, from logistic regression on the rest.

    Args:
        table: n rows.
        codes: shape (n,): the class of each row, or -1 for one without a label.
        classes: k, how many there are.
        roles: which columns are content.
        progress: told the fraction done.

    Returns:
        Shape (number of -1 in codes, k), float32, rows sum to 1, in the order of the table; None
        while two classes do not have `LEAST_PER_CLASS` labelled rows each. A class with fewer has
        probability 0.

    Raises:
        UsageError: no column can be learned from.
    """
    known = np.bincount(codes[codes >= 0], minlength=classes) >= LEAST_PER_CLASS
    if known.sum() < 2:
        return None
    from sklearn.linear_model import LogisticRegression

    matrix = _matrix(read_content(table, roles), progress)
    unlabelled = codes < 0
    train = ~unlabelled & known[codes]
    model = LogisticRegression(C=10.0, max_iter=1_000)
    model.fit(matrix[train], codes[train])
    found = np.zeros((int(unlabelled.sum()), classes), dtype=np.float32)
    found[:, model.classes_] = model.predict_proba(matrix[unlabelled])
    progress(1.0, "learned")
    return found


def _matrix(content: Content, progress: Progress) -> Matrix:
    blocks = [scaled(block) for block in content.vectors]
    if content.texts is not None:
        blocks.append(embed(content.texts, progress=progress)[content.text_of])
    if content.features is not None:
        # One column at a time, since features have units of their own.
        blocks += [scaled(column[:, None]) for column in content.features.T]
    return np.hstack(blocks)
