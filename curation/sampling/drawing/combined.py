"""Draw by a rule that is made of others: union, except, priority.

Each part draws as it does alone. What the parts hold is put together, cut to ``rows`` where that is
asked, and the rows that are always kept come on top. A cut takes the rows with the smallest second
hash, which does not depend on those that the parts draw by, so that a larger cut holds the smaller.

Chances: `chances` says how those of the parts make one. A cut to m of M rows multiplies them by m/M
(two-phase sampling). With priority a row may come in by any of the parts that have a place, so it
has the chance that one of them holds it, times m/M where it came by the part that is cut. That is
right as long as the same part is cut whatever the seed; else the chance is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from curation import sql
from curation.engines.base import Engine, Relation
from curation.errors import UsageError
from curation.lake.records import ROW_COLUMN
from curation.lake.roles import Roles
from curation.progress import Progress, no_progress, part
from curation.sampling.drawing.chances import Event, chance_sql
from curation.sampling.drawing.columns import (
    BECAUSE_COLUMN,
    CHANCE_COLUMN,
    DRAWN_COLUMN,
    STRATUM_COLUMN,
    UNIT_COLUMN,
)
from curation.sampling.drawing.combined_cut import LEVEL_COLUMN, Cut, cut_sql, find_cut
from curation.sampling.drawing.combined_parts import Held, Part, Parts, joined, salt_of, united
from curation.sampling.drawing.drawn import Drawn, Stratum
from curation.sampling.drawing.drawn_again import chance_and_reason_sql, columns_beside
from curation.sampling.drawing.inclusion import ALWAYS_KEPT
from curation.sampling.drawing.population import kept_sql
from curation.sampling.rules.rule import Rule

MOST_DEEP = 10
"""Rules within rules."""
MOST_PARTS = 100
"""Rules in all that one combined rule draws by."""

_ROW = sql.identifier(ROW_COLUMN)
_PART = "_curation_part"


@dataclass(frozen=True)
class _Sample:
    """What a combined rule drew."""

    rows: Relation
    """``ROW_COLUMN``, `CHANCE_COLUMN`, `BECAUSE_COLUMN`, and the number of the part that the row
    came by, from 1; 0 for rows that are always kept."""
    parts: Sequence[Part]
    salts: frozenset[str]
    population: str
    """SELECT of ``ROW_COLUMN`` of the rows that could be drawn."""
    low: int
    """At least so many rows are drawn, whatever the seed."""
    high: int
    shortfall: int
    notes: tuple[str, ...]


def draw_combined(
    engine: Engine,
    relation: Relation,
    rule: Rule,
    roles: Roles,
    *,
    salt: str | None = None,
    progress: Progress = no_progress,
) -> Drawn:
    """Draw rows by a rule that combines others.

    Args:
        engine: what the rows are in.
        relation: the rows, with their internal columns.
        rule: a combined rule whose parts are written out.
        roles: of the columns.
        salt: what chance is tied to, beside the seeds of the parts. A part with a name draws as it
            does alone, whatever this is.
        progress: told how far it is.

    Returns:
        The rows; in place of strata, the parts: what each could draw, and the rows that came by it.

    Raises:
        UsageError: a part that is only named; more than `MOST_PARTS` rules, or `MOST_DEEP` deep.
        CurationError: what the parts raise.
    """
    check_parts(rule)
    sample = _sample(engine, relation, rule, roles, salt, part(progress, 0.0, 0.9))
    progress(0.9, "Putting the rows together")
    rows = engine.select(_finished_sql(relation, sample))
    counts = engine.table(
        f"SELECT {_PART} AS number, count(*) AS rows_ FROM {sample.rows.name} GROUP BY {_PART}"
    ).to_pylist()
    by_part = {row["number"]: row["rows_"] for row in counts}
    (population,) = engine.values(
        f"SELECT count(*) FROM ({sample.population}) WHERE {_ROW} NOT IN "
        f"(SELECT {_ROW} FROM {sample.rows.name} WHERE {_PART} = 0)"
    )
    progress(1.0, "Drawn")
    return Drawn(
        rows,
        population,
        by_part.get(0, 0),
        [_told(engine, p, by_part.get(n, 0)) for n, p in enumerate(sample.parts, start=1)],
        len(sample.parts),
        sample.shortfall,
        list(sample.notes),
    )


def check_parts(rule: Rule) -> None:
    """Refuse what cannot be drawn by: rules that are only named, too many, too deep.

    Raises:
        UsageError: it is so.
    """
    count, deep = _size_of(rule)
    if count > MOST_PARTS:
        raise UsageError(
            f"The rule draws by {count:,} others; at most {MOST_PARTS} can be combined. "
            "Combine fewer, for example one rule with strata in place of one for each class."
        )
    if deep > MOST_DEEP:
        raise UsageError(
            f"The rules are made of each other {deep} deep; at most {MOST_DEEP} can be drawn. "
            "Combine fewer levels."
        )


def _size_of(rule: Rule) -> tuple[int, int]:
    """Return how many plain rules a rule is made of, and how deep."""
    if not rule.is_combined:
        return 1, 0
    sizes = []
    for child in rule.parts:
        if isinstance(child, str):
            raise UsageError(
                f"The rule '{child}' is only named here. Write it out before rows are drawn: a "
                "workspace does so for the rules that it holds."
            )
        sizes.append(_size_of(child))
    return sum(count for count, _ in sizes), 1 + max(deep for _, deep in sizes)


def _sample(
    engine: Engine,
    relation: Relation,
    rule: Rule,
    roles: Roles,
    salt: str | None,
    progress: Progress,
) -> _Sample:
    from curation.sampling.drawing.draw import draw_scored  # it needs this module

    def plain(child: Rule, own: str, tell: Progress) -> Drawn:
        return draw_scored(engine, relation, child, roles, salt=own, progress=tell)

    def cut_before(child: Rule, own: str | None, tell: Progress) -> Held:
        return _as_held(engine, _sample(engine, relation, child, roles, own, tell))

    drawing = Parts(engine, relation, plain, cut_before)
    parts = drawing.of(rule, salt, progress)
    whole = joined(rule, parts)
    levels = parts if rule.combine == "priority" else [whole]
    notes: list[str] = []
    kept = _always_kept(engine, relation, rule, notes)
    (always,) = engine.values(f"SELECT count(*) FROM {kept.name}")
    rows = engine.select(_levels_sql(drawing.rows(), levels, parts, kept))
    cut = find_cut(engine, rows, levels, rule.rows, always)
    second = f"{salt_of(rule, salt)}:at most:{_size_of(rule)[1]}"
    known = engine.select(_known_sql(rows, levels, cut, drawing.events))
    columns = [_ROW, _PART, CHANCE_COLUMN, BECAUSE_COLUMN]
    stay = f"SELECT {', '.join(columns)} FROM {known.name}"
    if rule.rows is not None and cut.kept < cut.rows:
        stay = cut_sql(relation, known, columns, second, rule.rows)
    drawn = engine.select(stay)
    count, unknown = engine.values(
        f"SELECT count(*), count(*) - count({CHANCE_COLUMN}) FROM {drawn.name}"
    )
    most = whole.high if rule.rows is None else min(whole.high, rule.rows)
    return _Sample(
        engine.select(
            f"SELECT * FROM {drawn.name} UNION ALL SELECT {', '.join(columns)} FROM {kept.name}"
        ),
        parts,
        drawing.salts | {second},
        f"SELECT {_ROW} FROM ({whole.population} UNION SELECT {_ROW} FROM {kept.name})",
        min(most, max(0, whole.low - always)) + always,
        most + always,
        _shortfall(rule, whole, count),
        (*drawing.notes, *notes, *_unknown_note(unknown, cut)),
    )


def _shortfall(rule: Rule, whole: Part, drawn: int) -> int:
    if rule.rows is None:
        return whole.shortfall
    lacking = max(0, rule.rows - drawn)
    return lacking if rule.combine == "priority" else min(lacking, whole.shortfall)


def _always_kept(engine: Engine, relation: Relation, rule: Rule, notes: list[str]) -> Relation:
    kept = kept_sql(engine, relation, rule, notes)
    with sql.evaluating(rule.keep or ""):
        return engine.select(
            f"SELECT {_ROW}, 0 AS {_PART}, CAST(1 AS DOUBLE) AS {CHANCE_COLUMN}, "
            f"{sql.literal(ALWAYS_KEPT)} AS {BECAUSE_COLUMN} FROM {relation.name} WHERE {kept}"
        )


def _levels_sql(
    rows: Relation, levels: Sequence[Part], parts: Sequence[Part], kept: Relation
) -> str:
    """Return the SELECT of the drawn rows with their level and the part that they came by."""
    return f"""
        SELECT * FROM (
            SELECT *, {_first_sql(levels)} AS {LEVEL_COLUMN}, {_first_sql(parts)} AS {_PART}
            FROM {rows.name} WHERE {_ROW} NOT IN (SELECT {_ROW} FROM {kept.name}))
        WHERE {LEVEL_COLUMN} IS NOT NULL"""


def _first_sql(parts: Sequence[Part]) -> str:
    whens = " ".join(f"WHEN {p.drawn} THEN {n}" for n, p in enumerate(parts, start=1))
    return f"CASE {whens} END"


def _known_sql(rows: Relation, levels: Sequence[Part], cut: Cut, events: Sequence[Event]) -> str:
    """Return the SELECT of the rows of levels that have a place, with chance and reason."""
    here = united(levels[: cut.level])
    chance = chance_sql(here.terms, events, drawing=here.drawing, excluding=here.excluding)
    is_last = f"{LEVEL_COLUMN} = {cut.level}"
    share = f"CASE WHEN {is_last} THEN {sql.literal(cut.share)} ELSE 1 END"
    known = f"{chance} * {share}" if cut.is_certain else "CAST(NULL AS DOUBLE)"
    of_all = f", {cut.kept:,} of {cut.rows:,} stay" if cut.kept < cut.rows else ""
    whens = " ".join(
        f"WHEN {n} THEN {p.reason}" for n, p in enumerate(levels[: cut.level], start=1)
    )
    end = f"CASE WHEN {is_last} THEN {sql.literal(of_all)} ELSE '' END"
    return f"""
        SELECT {_ROW}, {LEVEL_COLUMN}, {_PART}, {known} AS {CHANCE_COLUMN},
            concat(CASE {LEVEL_COLUMN} {whens} END, {end}) AS {BECAUSE_COLUMN}
        FROM {rows.name} WHERE {LEVEL_COLUMN} <= {cut.level}"""


def _as_held(engine: Engine, sample: _Sample) -> Held:
    """Return a sample as `draw.scored` would give it; chances of rows that it left are unknown."""
    rows = engine.select(
        f"SELECT p.{_ROW}, s.{_ROW} IS NOT NULL AS {DRAWN_COLUMN}, s.{CHANCE_COLUMN}, "
        f"CAST(NULL AS DOUBLE) AS {UNIT_COLUMN}, '' AS {STRATUM_COLUMN}, s.{BECAUSE_COLUMN} "
        f"FROM ({sample.population}) AS p LEFT JOIN {sample.rows.name} AS s ON s.{_ROW} = p.{_ROW}"
    )
    return Held(rows, sample.low, sample.high, sample.salts, sample.shortfall, sample.notes)


def _finished_sql(relation: Relation, sample: _Sample) -> str:
    """Return the SELECT of the data with the chance, times the one before, and the reason."""
    both = chance_and_reason_sql(relation, f"s.{CHANCE_COLUMN}", f"s.{BECAUSE_COLUMN}", "r.")
    return f"""
        SELECT {", ".join(f"r.{sql.identifier(c)}" for c in columns_beside(relation))}, {both}
        FROM {relation.name} AS r JOIN {sample.rows.name} AS s ON s.{_ROW} = r.{_ROW}"""


def _told(engine: Engine, part_: Part, drawn: int) -> Stratum:
    (rows,) = engine.values(f"SELECT count(*) FROM ({part_.population})")
    return Stratum(part_.name, rows, drawn + part_.shortfall, drawn)


def _unknown_note(rows: int, cut: Cut) -> list[str]:
    if not rows:
        return []
    why = (
        "they are ranked, or come by rules with one seed or by a sample that was cut before, whose "
        "chances cannot be combined"
        if cut.is_certain
        else "it depends on chance which rule is the last with a place"
    )
    return [f"{rows:,} rows have no known chance to be drawn: {why}."]
