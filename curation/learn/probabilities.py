"""Out-of-sample probabilities: each row's class probabilities from a model that did not see it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pyarrow as pa

from curation.lake.roles import Roles
from curation.learn import ridge, trees
from curation.learn.arrays import Codes, Matrix
from curation.learn.content import Content, read_content
from curation.learn.tables import as_table
from curation.learn.text import embed, tfidf_components
from curation.learn.vectors import scaled
from curation.progress import Progress, no_progress, part

Preset = Literal["fast", "accurate"]

_SHARES = np.linspace(0.0, 1.0, 11)


@dataclass(frozen=True)
class OutOfSample:
    """Class probabilities of every labelled row, from a model that did not see that row.

    Attributes:
        probabilities: shape (m, k), float32, every row sums to 1.
        rows: shape (m,), int64: the position of each of them in the table; rising.
        classes: the k classes.
        learner: what learned them, in words for a person.
        notes: what was left out or mended.
    """

    probabilities: Matrix
    rows: Codes
    classes: list[str]
    learner: str
    notes: list[str] = field(default_factory=list)


def out_of_sample_probabilities(
    table: pa.Table,
    codes: Codes,
    classes: list[str],
    roles: Roles,
    *,
    preset: Preset = "fast",
    seed: int = 0,
    progress: Progress = no_progress,
) -> OutOfSample:
    """Return each labelled row's class probabilities from a model that did not see that row.

    Texts, embeddings and images that are lists of numbers are learned by ridge regression with
    closed-form leave-one-out predictions; features by ExtraTrees, out-of-bag. Where a dataset has
    both, the two are averaged with the weight that has the smallest log loss on the given labels.
    The result does not depend on the order of the rows.

    Args:
        table: n rows.
        codes: shape (n,): position in `classes`, or -1 for a row without a label, which is left
            out.
        classes: the k classes; a class may be without rows.
        roles: which columns are content.
        preset: for texts, ``"fast"`` takes WordLlama embeddings, ``"accurate"`` TF-IDF beside them.
        seed: for what is drawn at random: trees, and the SVD.
        progress: told the fraction done; may raise `Cancelled` between stages.

    Raises:
        UsageError: no column can be learned from, or a role names a column that is not there.
        DataError: a column of vectors of different lengths.
    """
    labelled = np.flatnonzero(codes >= 0)
    if len(labelled) < len(codes):
        table, codes = as_table(table).take(labelled), codes[labelled]
    progress(0.0, "reading columns")
    content = read_content(table, roles)
    order, distinct = content.canonical_order(codes)
    dense = content.texts is not None or bool(content.vectors)
    both = dense and content.features is not None
    found: list[tuple[Matrix, str]] = []
    if dense:
        share = part(progress, 0.05, 0.6 if both else 1.0)
        matrix, name = _dense(content, order, preset, seed, part(share, 0.0, 0.7))
        learned = _by_ridge(matrix, codes[order], len(classes), part(share, 0.7, 1.0))
        found.append((learned, f"{name}, leave-one-out ridge"))
    if content.features is not None:
        share = part(progress, 0.6 if both else 0.05, 1.0)
        grown = trees.out_of_bag(
            content.features[order], codes[order], len(classes), seed=seed, progress=share
        )
        found.append((_shared(grown, distinct), f"ExtraTrees, {trees.TREES} trees, out-of-bag"))
    in_order, learner, notes = _averaged(found, codes[order])
    probabilities = np.empty_like(in_order)
    probabilities[order] = in_order
    progress(1.0, "learned")
    return OutOfSample(
        probabilities, labelled.astype(np.int64), classes, learner, [*content.notes, *notes]
    )


def _dense(
    content: Content, order: Codes, preset: Preset, seed: int, progress: Progress
) -> tuple[Matrix, str]:
    """Return texts and vectors as one matrix in canonical order: shape (n, d), and its name."""
    blocks: list[Matrix] = [scaled(vectors[order]) for vectors in content.vectors]
    names = ["embedding columns"] if blocks else []
    if content.texts is not None:
        place = content.text_of[order]
        blocks.append(embed(content.texts, progress=part(progress, 0.0, 0.6))[place])
        names.append("WordLlama")
        if preset == "accurate":
            progress(0.6, "counting words")
            blocks.append(tfidf_components(content.texts, seed=seed)[place])
            names.append("TF-IDF-SVD")
    matrix = np.concatenate(blocks, axis=1) if len(blocks) > 1 else blocks[0]
    return matrix, " + ".join(names)


def _by_ridge(matrix: Matrix, codes: Codes, classes: int, progress: Progress) -> Matrix:
    """Return calibrated leave-one-out probabilities: shape (n, k)."""
    fit = ridge.leave_one_out(matrix, codes, classes, progress=part(progress, 0.0, 0.9))
    progress(0.9, "calibrating")
    return ridge.softmax(fit.scores, ridge.temperature(fit.scores, codes))


def _shared(probabilities: Matrix, distinct: Codes) -> Matrix:
    """Give rows with the same content and label the mean of their probabilities.

    Trees draw rows by position, and nothing tells such rows' positions apart.
    """
    counts = np.bincount(distinct)
    if len(counts) == len(distinct):
        return probabilities
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    means: Matrix = np.add.reduceat(probabilities, starts, axis=0)
    means /= counts[:, None].astype(np.float32)
    return means[distinct]


def _averaged(found: list[tuple[Matrix, str]], codes: Codes) -> tuple[Matrix, str, list[str]]:
    """Return two models' mean probabilities, with the weight that has the smallest log loss.

    Beside them the learner in words, and a note where one of the two was left out.
    """
    if len(found) == 1:
        return *found[0], []
    (first, first_name), (second, second_name) = found
    rows = np.arange(len(codes))
    mine, other = first[rows, codes].astype(np.float64), second[rows, codes].astype(np.float64)
    losses = [-np.log(np.maximum(s * mine + (1 - s) * other, 1e-6)).mean() for s in _SHARES]
    share = float(_SHARES[int(np.argmin(losses))])
    if share in (0.0, 1.0):
        (best, name), (_, other_name) = found if share else found[::-1]
        return best, name, [f"{other_name}, adds nothing to it and was left out."]
    learner = f"{share:.0%} {first_name}; {1 - share:.0%} {second_name}"
    return np.float32(share) * first + np.float32(1 - share) * second, learner, []
