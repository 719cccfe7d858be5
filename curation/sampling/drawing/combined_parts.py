"""What the parts of a combined rule hold, row by row, and what their chances depend on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from curation import sql
from curation.engines.base import Engine, Relation
from curation.lake.records import ROW_COLUMN
from curation.progress import Progress, part
from curation.sampling.drawing.chances import Event, Terms, any_of, but_not, held, threshold_sql
from curation.sampling.drawing.columns import (
    BECAUSE_COLUMN,
    CHANCE_COLUMN,
    DRAWN_COLUMN,
    STRATUM_COLUMN,
    UNIT_COLUMN,
)
from curation.sampling.drawing.drawn import Drawn
from curation.sampling.drawing.inclusion import ALWAYS_KEPT
from curation.sampling.drawing.population import kept_sql
from curation.sampling.drawing.thresholds import (
    SPREAD_COLUMN,
    THRESHOLD_COLUMN,
    has_equal_chances,
    is_bernoulli,
    same_rows,
    with_chances_sql,
    with_thresholds_sql,
)
from curation.sampling.rules.rule import Rule

_ROW = sql.identifier(ROW_COLUMN)


@dataclass(frozen=True)
class Held:
    """What one rule drew by itself."""

    rows: Relation
    """The rows that it could draw, with the columns that `draw.scored` gives them."""
    low: int
    """At least so many rows are drawn, whatever the seed."""
    high: int
    salts: frozenset[str] = frozenset()
    """What its hashes begin with."""
    shortfall: int = 0
    """Rows that it was asked for and that were not there."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """One part of a combined rule, in terms of the columns that `chances.Event` names."""

    name: str
    drawn: str
    """SQL: whether it holds the row."""
    reason: str
    """SQL: why it holds the row."""
    terms: Terms
    population: str
    """SELECT of ``ROW_COLUMN`` of the rows that it could draw."""
    low: int
    """At least so many rows are drawn, whatever the seed."""
    high: int
    shortfall: int
    """Rows that it was asked for and that were not there."""
    drawing: frozenset[int]
    """Numbers of the events for which a row comes in."""
    excluding: frozenset[int] = frozenset()
    """Numbers of those for which it does not."""


DrawPlain = Callable[[Rule, str, Progress], Drawn]
"""Draws by a rule that is not combined, with this salt, as `draw.scored` does."""
DrawCut = Callable[[Rule, str | None, Progress], Held]
"""Draws by a combined rule that keeps only some rows; None for the seeds of the rules in it."""


@dataclass
class Parts:
    """Draws by the parts of a combined rule and by theirs, by the same rule only once."""

    engine: Engine
    relation: Relation
    draw_plain: DrawPlain
    draw_cut: DrawCut
    events: list[Event] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What is to be said of the rules, after their names."""
    _held: list[Held] = field(default_factory=list)
    _thresholds: list[str] = field(default_factory=list)
    """SELECT of each event's rows with the chance given all other rows."""
    _numbers: dict[tuple[str, str], int] = field(default_factory=dict)

    def of(self, rule: Rule, salt: str | None, progress: Progress) -> list[Part]:
        """Draw by each part of a combined rule."""
        found = []
        for number, child in enumerate(rule.parts):
            assert isinstance(child, Rule)  # `combined.check_parts` saw to it
            name = child.name or f"rule {number + 1}"
            own = part(progress, number / len(rule.parts), (number + 1) / len(rule.parts))
            own(0.0, f"Drawing by {name}")
            found.append(self._one(child, None if child.name else salt, name, own))
        return found

    def rows(self) -> Relation:
        """Return the rows that any rule drew, with the columns of all events."""
        near = self.engine.select(
            " UNION ".join(
                f"SELECT {_ROW} FROM {found.rows.name} WHERE {DRAWN_COLUMN}" for found in self._held
            )
        )
        columns = ", ".join(map(_columns_sql, self.events))
        joins = "\n".join(
            f"LEFT JOIN (SELECT * FROM ({rows}) WHERE {_ROW} IN (SELECT {_ROW} FROM {near.name})) "
            f"AS {_alias(event)} ON {_alias(event)}.{_ROW} = near.{_ROW}"
            for event, rows in zip(self.events, self._thresholds, strict=True)
        )
        wide = self.engine.select(f"SELECT near.{_ROW}, {columns} FROM {near.name} AS near {joins}")
        chances = ", ".join(
            f"{threshold_sql(event, self.events)} AS {event.column('p')}" for event in self.events
        )
        return self.engine.select(f"SELECT *, {chances} FROM {wide.name}")

    @property
    def salts(self) -> frozenset[str]:
        """What the hashes of all rules begin with."""
        return frozenset[str]().union(*(event.salts for event in self.events))

    def _one(self, rule: Rule, salt: str | None, name: str, progress: Progress) -> Part:
        if not rule.is_combined:
            own = salt_of(rule, salt)
            return self._of_plain(rule, own, name, progress)
        if rule.combine == "priority" or rule.rows is not None:
            tied = (rule.sha256, f"cut {salt}")
            if tied not in self._numbers:
                cut = self.draw_cut(rule, salt, progress)
                self._add(tied, cut, with_chances_sql(cut.rows), is_cut=True)
                self._tell(name, cut)
            return self._event(tied, name)
        inner = named(joined(rule, self.of(rule, salt, progress)), name)
        if not (rule.keep or rule.keep_keys):
            return inner
        tied = (rule.sha256, "kept")
        if tied not in self._numbers:
            always = self._always(rule)
            self._add(tied, always, with_chances_sql(always.rows))
            self._tell(name, always)
        return united([self._event(tied, name), inner])

    def _of_plain(self, rule: Rule, salt: str, name: str, progress: Progress) -> Part:
        tied = (rule.sha256, salt)
        if tied not in self._numbers:
            drawn = self.draw_plain(rule, salt, progress)
            low, high = self._bounds(rule, drawn.rows)
            thresholds = with_thresholds_sql(drawn.rows, rule)
            same = same_rows(rule) if has_equal_chances(rule) else None
            found = Held(
                drawn.rows, low, high, frozenset({salt}), drawn.shortfall, tuple(drawn.notes)
            )
            self._add(tied, found, thresholds, same_rows=same)
            self._tell(name, found)
        return self._event(tied, name)

    def _tell(self, name: str, found: Held) -> None:
        self.notes += [f"{name}: {note}" for note in found.notes]

    def _always(self, rule: Rule) -> Held:
        notes: list[str] = []
        kept = kept_sql(self.engine, self.relation, rule, notes)
        with sql.evaluating(rule.keep or ""):
            rows = self.engine.select(
                f"SELECT {_ROW}, TRUE AS {DRAWN_COLUMN}, CAST(1 AS DOUBLE) AS {CHANCE_COLUMN}, "
                f"CAST(NULL AS DOUBLE) AS {UNIT_COLUMN}, '' AS {STRATUM_COLUMN}, "
                f"{sql.literal(ALWAYS_KEPT)} AS {BECAUSE_COLUMN} "
                f"FROM {self.relation.name} WHERE {kept}"
            )
        (count,) = self.engine.values(f"SELECT count(*) FROM {rows.name}")
        return Held(rows, count, count, notes=tuple(notes))

    def _bounds(self, rule: Rule, rows: Relation) -> tuple[int, int]:
        """Return how many rows a plain rule draws at least and at most, whatever the seed."""
        count, drawn, certain = self.engine.values(
            f"SELECT count(*), count(CASE WHEN {DRAWN_COLUMN} THEN 1 END), "
            f"count(CASE WHEN {CHANCE_COLUMN} >= 1 THEN 1 END) FROM {rows.name}"
        )
        if rule.cost is not None:
            return certain, count
        if not is_bernoulli(rule):
            return drawn, drawn
        fraction = rule.fraction or 0.0
        mean = fraction * (count - certain)
        # Beyond seven standard deviations: not for one seed in a billion.
        far = 7 * math.sqrt(mean * (1 - fraction)) + 7
        low, high = max(0, math.floor(mean - far)), math.ceil(mean + far)
        return certain + low, min(count, certain + high)

    def _add(
        self,
        tied: tuple[str, str],
        found: Held,
        thresholds: str,
        *,
        same_rows: str | None = None,
        is_cut: bool = False,
    ) -> None:
        self._numbers[tied] = len(self.events)
        self.events.append(Event(len(self.events), found.salts, same_rows, is_cut))
        self._held.append(found)
        self._thresholds.append(thresholds)

    def _event(self, tied: tuple[str, str], name: str) -> Part:
        event = self.events[self._numbers[tied]]
        found = self._held[event.number]
        population = f"SELECT {_ROW} FROM {found.rows.name}"
        drawn, reason = event.column("drawn"), event.column("reason")
        only = Part(
            name, drawn, reason, held(event), population, found.low, found.high, found.shortfall,
            frozenset({event.number}),
        )  # fmt: skip
        return named(only, name)


def joined(rule: Rule, parts: Sequence[Part]) -> Part:
    """Return what a combined rule holds before it is cut, which for priority is what a union does.

    Args:
        rule: says how.
        parts: what its rules hold.
    """
    return _left(parts[0], parts[1:]) if rule.combine == "except" else united(parts)


def united(parts: Sequence[Part]) -> Part:
    """Return what at least one part holds; the first that holds a row says why."""
    whens = " ".join(f"WHEN {p.drawn} THEN {p.reason}" for p in parts)
    return Part(
        name="",
        drawn=f"({' OR '.join(p.drawn for p in parts)})",
        reason=f"CASE {whens} END",
        terms=any_of([p.terms for p in parts]),
        population=f"SELECT {_ROW} FROM ({' UNION '.join(p.population for p in parts)})",
        low=max(p.low for p in parts),
        high=sum(p.high for p in parts),
        shortfall=sum(p.shortfall for p in parts),
        drawing=frozenset[int]().union(*(p.drawing for p in parts)),
        excluding=frozenset[int]().union(*(p.excluding for p in parts)),
    )


def _left(first: Part, others: Sequence[Part]) -> Part:
    none = " AND ".join(f"NOT {p.drawn}" for p in others)
    return replace(
        first,
        drawn=f"({first.drawn} AND {none})",
        terms=but_not(first.terms, [p.terms for p in others]),
        low=max(0, first.low - sum(p.high for p in others)),
        drawing=first.drawing.union(*(p.excluding for p in others)),
        excluding=first.excluding.union(*(p.drawing for p in others)),
    )


def named(part_: Part, name: str) -> Part:
    """Return a part that says its name before each reason."""
    return replace(part_, name=name, reason=f"concat({sql.literal(f'{name}: ')}, {part_.reason})")


def salt_of(rule: Rule, salt: str | None) -> str:
    """Return what a rule's chance is tied to: its seed, within what the whole draw is tied to."""
    return str(rule.seed) if salt is None else f"{salt}:{rule.seed}"


def _columns_sql(event: Event) -> str:
    alias = _alias(event)
    return (
        f"{alias}.{_ROW} IS NOT NULL AS {event.column('in')}, "
        f"coalesce({alias}.{DRAWN_COLUMN}, FALSE) AS {event.column('drawn')}, "
        f"{alias}.{CHANCE_COLUMN} AS {event.column('chance')}, "
        f"{alias}.{THRESHOLD_COLUMN} AS {event.column('threshold')}, "
        f"coalesce({alias}.{SPREAD_COLUMN}, 0) AS {event.column('spread')}, "
        f"{alias}.{UNIT_COLUMN} AS {event.column('unit')}, "
        f"{alias}.{BECAUSE_COLUMN} AS {event.column('reason')}"
    )


def _alias(event: Event) -> str:
    return f"event_{event.number}"
