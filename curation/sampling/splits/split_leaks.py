"""What ties the sides of a split together: copies, near copies, and groups on several sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from curation import sql
from curation.engines.base import Engine, Relation
from curation.lake.records import FINGERPRINT_COLUMN, KEY_COLUMN
from curation.lake.roles import Roles
from curation.progress import Progress, no_progress
from curation.sampling.splits.sides import SIDES, group_sql

MOST_ROWS_NEAR = 20_000
"""Near copies are looked for among so many rows, which takes a second or two."""
LEAST_GROUPS = 20
"""A few stores or years are on all sides, and are meant to be; the same as the finder's."""
_DISTINCT = 0.9
"""Where fewer rows than this differ and all is features, rows are equal by chance."""

_PRINT = sql.identifier(FINGERPRINT_COLUMN)


@dataclass(frozen=True)
class Leaks:
    """Rows of validation and test that are tied to a side before: train, then validation."""

    copies: int
    """With the content of a row on a side before."""
    near: int | None = None
    """With nearly that of one; None where it was not looked for."""
    groups: dict[str, int] = field(default_factory=dict)
    """Column to groups that are on several sides; those on one side only are not there."""
    notes: list[str] = field(default_factory=list)

    @property
    def any(self) -> bool:
        """Whether there is a leak."""
        return bool(self.copies or self.near or self.groups)

    @property
    def counts(self) -> dict[str, int]:
        """The counts by name; near copies only where they were looked for."""
        near = {} if self.near is None else {"near_copies_across": self.near}
        return {"copies_across": self.copies, **near, "groups_across": sum(self.groups.values())}

    def described(self) -> str:
        """Say in a few words what leaks; empty where nothing does."""
        counts = {"a copy": self.copies, "a near copy": self.near}
        found = [
            f"{_rows(count)} of validation or test with {what} on a side before"
            for what, count in counts.items()
            if count
        ]
        found += [
            f"{count:,} value{'' if count == 1 else 's'} of '{column}' on several sides"
            for column, count in self.groups.items()
        ]
        return ", ".join(found)


def find_leaks(
    engine: Engine,
    relation: Relation,
    column: str,
    roles: Roles,
    *,
    groups: Sequence[str] = (),
    progress: Progress = no_progress,
) -> Leaks:
    """Return what ties the sides together.

    Near copies are rows at a distance of at most 0.13 of the median distance between nearest rows,
    the rule of cleanlab's Datalab.

    Args:
        engine: of the rows.
        relation: the rows with their sides.
        column: of the sides.
        roles: of the columns; those of the group role are looked at where they hold 20 values.
        groups: columns that together say what must be on one side.
        progress: told how far it is.
    """
    sizes = ", ".join(
        f"count(*) FILTER (WHERE {sql.identifier(column)} = {sql.literal(side)}) AS {side}"
        for side in SIDES
    )
    rows, contents, copies = engine.values(
        f"""SELECT coalesce(sum(train + validation + test), 0), count(*),
            coalesce(sum(CASE WHEN train > 0 THEN validation + test
                WHEN validation > 0 THEN test ELSE 0 END), 0)
        FROM (SELECT {sizes} FROM {relation.name} GROUP BY {_PRINT})"""
    )
    notes = []
    likeness = _has_likeness(engine, relation, roles)
    if copies and not likeness and contents < _DISTINCT * rows:
        notes.append("rows with equal features are common here, so copies were not counted")
        copies = 0
    near = None
    if likeness and rows > MOST_ROWS_NEAR:
        notes.append(f"near copies are looked for up to {MOST_ROWS_NEAR:,} rows, and were not here")
    elif likeness and rows > 1:
        near = _near(engine, relation, column, roles, progress)
    return Leaks(int(copies), near, _groups(engine, relation, column, roles, groups), notes)


def _has_likeness(engine: Engine, relation: Relation, roles: Roles) -> bool:
    """Say whether rows can nearly be copies: texts can, and vectors."""
    if any(column in relation.columns for column in roles.having("text")):
        return True
    vectors = [column for column in roles.having("embedding") if column in relation.columns]
    counts = [f"count({sql.identifier(column)}) > 0" for column in vectors]
    if not counts:
        return False
    return bool(engine.values(f"SELECT {' OR '.join(counts)} FROM {relation.name}")[0])


def _near(engine: Engine, relation: Relation, column: str, roles: Roles, progress: Progress) -> int:
    """Count the rows with a near copy, and no exact one, on a side before."""
    from curation.finders.split_ties import Sides, near_copies  # slow to import
    from curation.learn.neighbours import NEAR
    from curation.learn.shared import Shared

    known = Roles(
        columns={c: roles.columns[c] for c in roles.content if c in relation.columns},
    )
    # The order makes what is found independent of the order of the rows.
    table = engine.table(
        f"SELECT {sql.identifiers(known.columns)}, {_rank_sql(column)} AS side_, "
        f"{_PRINT} AS content_ FROM {relation.name} "
        f"ORDER BY {sql.identifier(KEY_COLUMN)}, {_PRINT}, side_"
    )
    codes = table["side_"].to_numpy().astype(np.int64)
    contents = table["content_"].to_numpy()
    shared = Shared(table.select(list(known.columns)), known)
    sides = Sides(codes, list(SIDES), np.bincount(codes[codes >= 0], minlength=len(SIDES)))
    tied = near_copies(sides, shared.neighbours(progress), NEAR).home >= 0
    _, content = np.unique(contents.astype(str), return_inverse=True)
    first = np.full(int(content.max()) + 1, len(SIDES))
    np.minimum.at(first, content, np.where(codes >= 0, codes, len(SIDES)))
    return int((tied & ~(first[content] < codes)).sum())


def _groups(
    engine: Engine, relation: Relation, column: str, roles: Roles, groups: Sequence[str]
) -> dict[str, int]:
    looked = {one: [one] for one in roles.having("group") if one in relation.columns}
    if groups:
        looked[", ".join(groups)] = list(groups)
    found = {}
    for name, columns in looked.items():
        group = group_sql(columns, relation.columns)
        values, spanning = engine.values(
            f"""SELECT count(*), count(*) FILTER (WHERE sides > 1) FROM (
                SELECT {group} AS value, count(DISTINCT {sql.identifier(column)}) AS sides
                FROM {relation.name} WHERE ({group}) IS NOT NULL GROUP BY 1)"""
        )
        if spanning and (values >= LEAST_GROUPS or columns == list(groups)):
            found[name] = int(spanning)
    return found


def _rank_sql(column: str) -> str:
    whens = " ".join(f"WHEN {sql.literal(side)} THEN {n}" for n, side in enumerate(SIDES))
    return f"CASE {sql.identifier(column)} {whens} ELSE -1 END"


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"
