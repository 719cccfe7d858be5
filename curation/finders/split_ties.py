"""What ties the sides of a split together: copies, near copies, entities, times."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from curation import sql
from curation.finders.columns import (
    Coded,
    coded,
    counted,
    is_scalar,
    numbers,
    over_rows,
    percent,
    short,
    subject,
)
from curation.learn.arrays import Codes, Flags, Vector
from curation.learn.neighbours import Neighbours
from curation.learn.shared import Shared

LEAST_ENTITIES = 20
_LEAST_ROWS = 20
_DISTINCT = 0.9
_ORDERED = 0.9
_NONE = -1
_SPACES = " \t\r\n\v\f\u00a0\u200b\ufeff"


@dataclass(frozen=True)
class Sides:
    """The sides of a split, the largest first.

    Attributes:
        codes: shape (n,), each row's side, -1 for none.
        names: the sides.
        sizes: shape (sides,), their rows.
    """

    codes: Codes
    names: list[str]
    sizes: Codes


@dataclass(frozen=True)
class Tie:
    """Rows of smaller sides that are tied to a larger one.

    Attributes:
        what: the kind of tie, for a person.
        home: shape (n,), the larger side that a row is tied to, -1 for a row that is free.
        group: shape (n,), rows with one number are tied to each other, -1 for none.
        score: shape (n,), 0 for a copy to 0.5; it means something in tied rows only.
        line: what is said of a row, with the name of the other side to be put in.
        said: what is said of the rows of a side, with the name of the other side to be put in.
    """

    what: str
    home: Codes
    group: Codes
    score: Vector
    line: str
    said: str

    def without(self, rows: Flags) -> Tie:
        """Return the same, with some rows (n,) freed."""
        return replace(self, home=np.where(rows, _NONE, self.home))

    def lines(self, sides: Sides) -> pa.Array:
        """Return one line for each tied row, null for the others."""
        lines = pa.array([self.line.format(short(name)) for name in sides.names], pa.string())
        return lines.take(pa.array(self.home, mask=self.home < 0))

    def subjects(self, sides: Sides) -> list[dict[str, Any]]:
        """Return one subject for each pair of sides."""
        subjects = []
        pairs = (self.home * len(sides.names) + sides.codes)[self.home >= 0]
        for pair, rows in zip(*np.unique(pairs, return_counts=True), strict=True):
            home, side = divmod(int(pair), len(sides.names))
            small, large = short(sides.names[side]), short(sides.names[home])
            share = float(rows) / float(sides.sizes[side])
            line = (
                f"{counted(int(rows))} of '{small}' ({percent(share)}) {self.said.format(large)}."
            )
            name = f"{small} and {large}: {self.what}"
            subjects.append(subject("slice", name, 1 - share, True, int(rows), line))
        return subjects


def sides_by_size(values: Coded) -> Sides:
    """Return sides in order of size, the largest first; equal ones in order of name."""
    counts, names = values.counts(), values.words.to_pylist()
    order = sorted(range(len(names)), key=lambda i: (-int(counts[i]), names[i]))
    rank = np.full(len(names) + 1, _NONE, dtype=np.int64)  # the last place serves -1
    rank[order] = np.arange(len(names))
    return Sides(rank[values.codes], [names[i] for i in order], counts[order])


def exact_copies(shared: Shared, sides: Sides, notes: list[str]) -> Tie | None:
    """Return the copies: of texts but for case and spaces, or of all content without a text."""
    texts = shared.roles.having("text")
    content = texts or shared.roles.content
    if not content:
        return None
    parts = [
        # Without any space is the same as with single ones, but for words that were written apart.
        f"translate(lower(CAST({sql.identifier(name)} AS VARCHAR)), {sql.literal(_SPACES)}, '')"
        if name in texts
        else sql.identifier(name)
        for name in content
    ]
    blank = " AND ".join(f"coalesce({one}, '') = ''" for one in parts) if texts else "FALSE"
    read = over_rows(
        shared.table.select(content),
        f"SELECT hash({', '.join(parts)}) AS hash, {blank} AS blank FROM source",
    )
    there = ~read["blank"].to_numpy() & (sides.codes >= 0)
    hashes = read["hash"].to_numpy()[there]
    groups, group = np.unique(hashes, return_inverse=True)
    if not texts and not has_likeness(shared) and len(groups) < _DISTINCT * max(len(hashes), 1):
        notes.append("Rows with equal features are common here, so copies were not counted.")
        return None
    found = np.full(len(there), _NONE, dtype=np.int64)
    found[there] = group
    what = "text" if texts else "content"
    line, said = f"the same {what} is in '{{}}'", "with an exact copy in '{}'"
    return _tie("exact copies", found, len(groups), sides, line=line, said=said, score=0.0)


def near_copies(sides: Sides, neighbours: Neighbours, near_part: float) -> Tie:
    """Return rows with a neighbour on a larger side that is hardly farther than a copy.

    Args:
        sides: of n rows.
        neighbours: of n rows, at least one each.
        near_part: part of the median distance between nearest rows within which one is a copy.
    """
    nearest = neighbours.distances[:, 0]
    apart = nearest[nearest > 0]
    limit = near_part * float(np.median(apart)) if len(apart) else 0.0
    other, mine = sides.codes[neighbours.indices], sides.codes[:, None]
    tied = (neighbours.distances <= limit) & (other >= 0) & (other < mine)
    first = np.argmax(tied, axis=1)
    rows = np.arange(len(first))
    is_tied = tied[rows, first]
    home = np.where(is_tied, other[rows, first], _NONE)
    partner = neighbours.indices[rows, first].astype(np.int64)
    group = np.full(len(first), _NONE, dtype=np.int64)
    group[partner[is_tied]] = partner[is_tied]
    group[is_tied] = partner[is_tied]
    distance = np.where(is_tied, neighbours.distances[rows, first], 0.0) / max(limit, 1e-12)
    line, said = "nearly the same is in '{}'", "with a near copy in '{}'"
    return Tie("near copies", home, group, np.clip(distance, 0.0, 1.0) / 2, line, said)


def shared_entities(shared: Shared, sides: Sides) -> list[Tie]:
    """Return the rows whose entity is on a larger side too, for each column of entities."""
    ties = []
    for column in shared.roles.having("group"):
        if not is_scalar(shared.table.schema.field(column).type):
            continue
        values = coded(shared.table.column(column))
        if len(values.words) < LEAST_ENTITIES:
            continue  # a few stores or years are on all sides, and are meant to be
        name = short(column).replace("{", "{{").replace("}", "}}")
        line, said = f"the same '{name}' is in '{{}}'", f"with a '{name}' that is in '{{}}' too"
        ties.append(
            _tie(
                f"one '{short(column)}'",
                values.codes,
                len(values.words),
                sides,
                line=line,
                said=said,
                score=0.5,
            )
        )
    return ties


def _tie(
    what: str, member: Codes, count: int, sides: Sides, *, line: str, said: str, score: float
) -> Tie:
    """Return the rows whose group (-1 for none) has rows on a larger side."""
    known = (member >= 0) & (sides.codes >= 0)
    width = len(sides.names)
    cells = np.bincount(member[known] * width + sides.codes[known], minlength=count * width)
    there = cells.reshape(count, width) > 0
    largest = np.argmax(there, axis=1)  # sides are in order of size
    home = np.full(len(member), _NONE, dtype=np.int64)
    home[known] = largest[member[known]]
    home[home == sides.codes] = _NONE
    spans = there.sum(axis=1) > 1
    number = np.where(spans, np.cumsum(spans) - 1, _NONE)
    group = np.full(len(member), _NONE, dtype=np.int64)
    group[known] = number[member[known]]
    return Tie(what, home, group, np.full(len(member), score), line, said)


def time_order(shared: Shared, sides: Sides) -> tuple[list[dict[str, Any]], Tie | None]:
    """Return sides that lie before the largest one, and the rows that come before its end.

    A split is taken to be one in time when 9 of 10 pairs of a row and one of the largest side lie
    the same way round (the area under the curve of Mann and Whitney 1947).
    """
    column = shared.roles.single("timestamp")
    if column is None or not pa.types.is_temporal(shared.table.schema.field(column).type):
        return [], None
    times = numbers(shared.table.column(column))
    known = ~np.isnan(times)
    train = times[(sides.codes == 0) & known]
    early = np.zeros(len(times), dtype=np.bool_)
    subjects = []
    for side in range(1, len(sides.names)):
        rows = np.flatnonzero((sides.codes == side) & known)
        if min(len(rows), len(train)) < _LEAST_ROWS:
            continue
        later = _share_later(times[rows], train)
        # A single late row of the large side must not make all rows of the other one early.
        before = rows[times[rows] < np.quantile(train, 0.99, method="lower")]
        small, large = short(sides.names[side]), short(sides.names[0])
        if later <= 1 - _ORDERED:
            line = f"'{small}' lies before '{large}' in '{column}': what is learned comes later."
            name = f"{small} and {large}: time"
            subjects.append(subject("slice", name, later, True, len(rows), line))
        elif later >= _ORDERED:
            early[before] = True
    return subjects, Tie(
        what="time",
        home=np.where(early, 0, _NONE),
        group=np.full(len(times), _NONE, dtype=np.int64),
        score=np.full(len(times), 0.5),
        line="it is earlier than rows of '{}'",
        said="from before the end of '{}', though the split is one in time",
    )


def _share_later(some: Vector, others: Vector) -> float:
    """Return the share of pairs in which the first is later; equal ones count half."""
    ordered = np.sort(others)
    below = np.searchsorted(ordered, some, side="left")
    upto = np.searchsorted(ordered, some, side="right")
    return float((below + upto).mean() / 2 / len(ordered))


def has_likeness(shared: Shared) -> bool:
    """Say whether rows can nearly be copies: texts, vectors and images can."""
    return bool(shared.roles.having("text", "embedding", "image"))
