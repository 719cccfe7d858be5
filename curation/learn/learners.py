"""What learns from a dataset's content: each returns probabilities of all rows, left out."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from curation.learn import ridge, trees
from curation.learn.arrays import Codes, Hashes, Matrix
from curation.learn.blocks import Blocks, Gathered, Joined, Spilled, Standardised
from curation.learn.content import Content
from curation.learn.text import TfidfComponents, embed, embedded_batches, embedding_width
from curation.progress import Progress, part

IN_MEMORY_BYTES = 256 * 2**20
"""What texts become is held in memory up to this size, and in a temporary file above it."""


@dataclass(frozen=True)
class Task:
    """What is to be learned.

    Attributes:
        content: n rows.
        codes: shape (n,), 0 to `classes` - 1, or -1.
        classes: k.
        groups: shape (n,), 0 or more: rows of one number are left out together.
        seed: for what is drawn at random.
    """

    content: Content
    codes: Codes
    classes: int
    groups: Codes
    seed: int


def ridge_on_dense(
    task: Task, *, with_words: bool = False, progress: Progress
) -> tuple[Matrix, str]:
    """Learn from texts and vectors by leave-group-out ridge regression, calibrated.

    Args:
        task: rows with texts or vectors.
        with_words: also look at TF-IDF components of the texts.
        progress: told the fraction done.
    """
    content = task.content
    rows = _Distinct.of(content.dense_hashes, task.groups)
    blocks: list[Blocks] = [Standardised(vectors, rows.first) for vectors in content.vectors]
    names = ["embedding columns"] if blocks else []
    with ExitStack() as files:
        if content.texts is not None:
            share = part(progress, 0.0, 0.6)
            blocks.append(_text_blocks(task, rows.first, with_words, files, share))
            names.append("WordLlama + TF-IDF-SVD" if with_words else "WordLlama")
        fit = ridge.leave_one_out(
            blocks[0] if len(blocks) == 1 else Joined(blocks), task.codes, task.classes,
            place=rows.place, groups=rows.groups, progress=part(progress, 0.6, 0.97),
        )  # fmt: skip
    progress(0.97, "calibrating")
    by = ridge.calibrating_rows(task.codes, task.classes, rows.place)
    temperature = ridge.temperature(fit.scores[rows.place[by]], task.codes[by])
    ridge.softmax_in_place(fit.scores, temperature)
    progress(1.0, "calibrated")
    return fit.scores[rows.place], f"{' + '.join(names)}, leave-one-out ridge"


def trees_on_features(task: Task, progress: Progress, *, count: int) -> tuple[Matrix, str]:
    """Learn from features by so many ExtraTrees, out-of-bag."""
    learned = on_features(task, partial(trees.out_of_bag, trees=count), progress)
    return learned, f"ExtraTrees, {count} trees, out-of-bag"


class MatrixLearner(Protocol):
    """Learns classes from a matrix in memory; see `trees.out_of_bag` for shapes."""

    def __call__(  # noqa: D102 - the class says it
        self,
        matrix: Matrix,
        codes: Codes,
        classes: int,
        /,
        *,
        groups: Codes | None,
        seed: int,
        progress: Progress,
    ) -> Matrix: ...


def on_features(task: Task, learn: MatrixLearner, progress: Progress) -> Matrix:
    """Return what is learned from the features: shape (n, k), whatever the order of the rows.

    Args:
        task: rows with features.
        learn: may draw rows by their place.
        progress: told the fraction done.
    """
    content, codes, groups = task.content, task.codes, task.groups
    assert content.features is not None
    # In an order that follows from what the rows hold.
    order = np.lexsort((codes, content.feature_hashes, groups))
    sizes = np.bincount(groups)
    in_order = learn(
        content.features[order], codes[order], task.classes,
        groups=None if len(sizes) == len(groups) else groups[order],
        seed=task.seed, progress=progress,
    )  # fmt: skip
    probabilities = np.empty_like(in_order)
    probabilities[order] = in_order
    _share(probabilities, content.feature_hashes, codes, np.flatnonzero(sizes[groups] == 1))
    return probabilities


@dataclass(frozen=True)
class _Distinct:
    """The distinct rows, in an order that follows from what they hold.

    Attributes:
        first: shape (m,), the place of one row of each.
        place: shape (n,), which of them each row is.
        groups: shape (m,), never falling.
    """

    first: Codes
    place: Codes
    groups: Codes

    @classmethod
    def of(cls, hashes: Hashes, groups: Codes) -> _Distinct:
        order = np.lexsort((hashes, groups))
        hashes, sorted_groups = hashes[order], groups[order]
        new = np.ones(len(order), dtype=np.bool_)
        new[1:] = (hashes[1:] != hashes[:-1]) | (sorted_groups[1:] != sorted_groups[:-1])
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.cumsum(new) - 1
        return cls(order[new], place, sorted_groups[new])


def _text_blocks(
    task: Task, first: Codes, with_words: bool, files: ExitStack, progress: Progress
) -> Blocks:
    """Return the texts of the distinct rows as blocks; a file that they need is put in `files`."""
    texts, places = task.content.texts, task.content.text_of[first]
    assert texts is not None
    words = None
    if with_words:
        progress(0.0, "counting words")
        words = TfidfComponents(texts, seed=task.seed)
        progress = part(progress, 0.4, 1.0)
    width = embedding_width() + (words.width if words else 0)
    if 4 * width * len(texts) <= IN_MEMORY_BYTES:
        matrix = embed(texts, progress=progress)
        if words:
            matrix = np.hstack([matrix, words.transform(texts)])
        return Gathered(matrix, places)
    spilled = files.enter_context(Spilled(width))
    for rows, block in embedded_batches(texts, places, progress=progress):
        if words:
            block = np.hstack([block, words.transform(texts.take(places[rows]))])  # noqa: PLW2901
        spilled.append(block)
    return spilled


def _share(probabilities: Matrix, hashes: Hashes, codes: Codes, rows: Codes) -> None:
    """Give rows with the same features and label the mean of their probabilities, in place.

    Trees draw rows by place, and nothing tells such rows' places apart.
    """
    order = rows[np.lexsort((codes[rows], hashes[rows]))]
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = (hashes[order][1:] != hashes[order][:-1]) | (codes[order][1:] != codes[order][:-1])
    if new.all():
        return
    starts = np.flatnonzero(new)
    counts = np.diff([*starts, len(order)])
    means = np.add.reduceat(probabilities[order], starts, axis=0) / counts[:, None]
    probabilities[order] = means.astype(np.float32)[np.cumsum(new) - 1]
