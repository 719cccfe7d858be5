"""The chance that a row is drawn by rules that are combined, worked out rule by rule.

A rule that draws by chance holds a row when the row's hash u is below a threshold p, and u is
uniform in [0, 1). Rules with one seed share u where the row is in the same stratum of both; else
their hashes are independent. Write N(S) for the chance that no rule of the set S holds a row:

    N(S) = product, over the hashes that S uses, of 1 - max of the thresholds on that hash

Whatever is made of rules with "or" and "but not" is a sum of such terms with whole numbers before
them, since the indicator of "not held" times itself is itself. For example "a or b" is
N({}) - N({a, b}), and "a but not b" is N({b}) - N({a, b}).

The thresholds are those of rank conditioning: given the hashes of all other rows, which is what
makes them fixed numbers (E. Cohen and H. Kaplan, Summarizing data using bottom-k sketches, PODC
2007). Where a rule takes k of the N rows of a stratum with equal chances, k/N serves as well and
varies less, but only beside rules with other hashes, or that draw from the very same rows: the
largest of several varying thresholds is larger, on average, than the largest of their averages.

Where a rule is excluded that shares a hash, a row is drawn if the hash lies between two thresholds.
They must be so far apart that they never change places, or a row that is sometimes without any
chance would be weighted as if it always had one; if they are not, the chance is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from curation.errors import UsageError

Terms = dict[frozenset[int], int]
"""The sets S and the whole numbers before their N(S)."""

MOST_TERMS = 500
_FAR_APART = 5
"""Standard deviations of the difference of two thresholds that never change places."""


@dataclass(frozen=True)
class Event:
    """That one rule holds a row: what its columns are called, and which hashes it uses.

    The columns are ``_curation_in_3`` (whether the rule could draw the row), ``_curation_drawn_3``,
    ``_curation_chance_3``, ``_curation_threshold_3`` (the chance given all other rows),
    ``_curation_spread_3`` (about its standard deviation), ``_curation_unit_3`` (u),
    ``_curation_reason_3``, and ``_curation_p_3``, which is `threshold_sql`.
    """

    number: int
    salts: frozenset[str]
    """What its hashes begin with. Events that have none in common are independent."""
    same_rows: str | None = None
    """Equal for rules that draw from the same rows with equal chances, so that one rule's rows are
    among the other's; None for all others."""
    is_drawn_before: bool = False
    """Whether it stands for a sample that was cut, of which only the chances of its own rows are
    known, and not where the hashes lie."""

    def column(self, what: str) -> str:
        """Return the name of one of its columns."""
        return f"_curation_{what}_{self.number}"


def held(event: Event) -> Terms:
    """Return the terms of: the event's rule holds the row."""
    return {frozenset(): 1, frozenset({event.number}): -1}


def any_of(formulas: Sequence[Terms]) -> Terms:
    """Return the terms of: at least one holds."""
    return _sum({frozenset(): 1}, _none_of(formulas), -1)


def but_not(formula: Terms, others: Sequence[Terms]) -> Terms:
    """Return the terms of: it holds, and none of the others."""
    return _product(formula, _none_of(others))


def chance_sql(
    terms: Terms, events: Sequence[Event], *, drawing: AbstractSet[int], excluding: AbstractSet[int]
) -> str:
    """Return the SQL of the chance of one row; null where it is not known.

    Args:
        terms: of what must hold.
        events: all that are combined.
        drawing: numbers of the events for which a row comes in.
        excluding: numbers of those for which it does not.
    """
    pairs = [
        (event, rival)
        for event in events
        for rival in _rivals(event, events)
        if event.number in drawing and rival.number in excluding
    ]
    near = " OR ".join(f"({_too_near_sql(event, rival)})" for event, rival in pairs)
    total = _total_sql(terms, events)
    if not near:
        return total
    return f"CASE WHEN ({near}) AND NOT coalesce({total} >= 1, FALSE) THEN NULL ELSE {total} END"


def _total_sql(terms: Terms, events: Sequence[Event]) -> str:
    by_number = {event.number: event for event in events}
    said = [
        f"{count} * {_none_holds_sql([by_number[n] for n in sorted(numbers)])}"
        for numbers, count in sorted(terms.items(), key=lambda term: sorted(term[0]))
    ]
    # Terms that cancel may leave a trace of rounding below 0 or above 1.
    total = " + ".join(said) or "0.0"
    return f"CASE WHEN {total} IS NOT NULL THEN least(1.0, greatest(0.0, {total})) END"


def _too_near_sql(event: Event, rival: Event) -> str:
    apart = f"{event.column('p')} - {rival.column('p')}"
    spread = f"sqrt(power({event.column('spread')}, 2) + power({rival.column('spread')}, 2))"
    is_apart = f"coalesce({apart} > {_FAR_APART} * {spread}, FALSE)"
    return f"{_shares_sql(event, rival)} AND {event.column('p')} < 1 AND NOT {is_apart}"


def threshold_sql(event: Event, events: Sequence[Event]) -> str:
    """Return the SQL of an event's threshold for one row: 0 where it cannot draw it.

    Args:
        event: of the columns that `Event` names.
        events: all that are combined.
    """
    known = event.column("chance")
    if event.is_drawn_before:
        others = [e for e in events if e.number != event.number and e.salts & event.salts]
        touched = " OR ".join(e.column("in") for e in others) or "FALSE"
        known = f"CASE WHEN NOT ({touched}) THEN {known} END"
    else:
        shared = " OR ".join(_shares_sql(event, r) for r in _rivals(event, events)) or "FALSE"
        known = f"CASE WHEN {shared} THEN {event.column('threshold')} ELSE {known} END"
    return (
        f"CASE WHEN NOT {event.column('in')} THEN 0.0 "
        f"WHEN {event.column('chance')} >= 1 THEN 1.0 ELSE {known} END"
    )


def _none_holds_sql(events: Sequence[Event]) -> str:
    """Return the SQL of N(S)."""
    if not events:
        return "1.0"
    thresholds = [event.column("p") for event in events]
    factors = [_factor_sql(place, events) for place in range(len(events))]
    certain = " OR ".join(f"{p} >= 1" for p in thresholds)
    unknown = " OR ".join(f"{p} IS NULL" for p in thresholds)
    # What is certain to hold leaves no chance to none, whatever is unknown beside it.
    return f"(CASE WHEN {certain} THEN 0.0 WHEN {unknown} THEN NULL ELSE {' * '.join(factors)} END)"


def _factor_sql(place: int, events: Sequence[Event]) -> str:
    """Return what a hash adds to the product, at the first of the events that use it; else 1."""
    event = events[place]
    before = [_shares_sql(event, e) for e in events[:place] if _may_share(event, e)]
    after = [
        f"CASE WHEN {_shares_sql(event, e)} THEN {e.column('p')} ELSE 0.0 END"
        for e in events[place + 1 :]
        if _may_share(event, e)
    ]
    largest = f"greatest({', '.join([event.column('p'), *after])})" if after else event.column("p")
    factor = f"(1.0 - {largest})"
    return f"CASE WHEN {' OR '.join(before)} THEN 1.0 ELSE {factor} END" if before else factor


def _rivals(event: Event, events: Sequence[Event]) -> list[Event]:
    """Return the others that may share a hash and do not draw from the very same rows."""
    return [
        e
        for e in events
        if e.number != event.number
        and _may_share(event, e)
        and (e.same_rows is None or e.same_rows != event.same_rows)
    ]


def _may_share(event: Event, other: Event) -> bool:
    is_known = not (event.is_drawn_before or other.is_drawn_before)
    return is_known and bool(event.salts & other.salts)


def _shares_sql(event: Event, other: Event) -> str:
    # A hash of 52 bits is equal only where it is the same one.
    return f"coalesce({event.column('unit')} = {other.column('unit')}, FALSE)"


def _none_of(formulas: Sequence[Terms]) -> Terms:
    product: Terms = {frozenset(): 1}
    for formula in formulas:
        product = _product(product, _sum({frozenset(): 1}, formula, -1))
    return product


def _product(left: Terms, right: Terms) -> Terms:
    product: Terms = {}
    for numbers, count in left.items():
        for others, times in right.items():
            together = numbers | others
            product[together] = product.get(together, 0) + count * times
    return _checked(product)


def _sum(left: Terms, right: Terms, times: int) -> Terms:
    total = dict(left)
    for numbers, count in right.items():
        total[numbers] = total.get(numbers, 0) + times * count
    return _checked(total)


def _checked(terms: Terms) -> Terms:
    kept = {numbers: count for numbers, count in terms.items() if count}
    if len(kept) > MOST_TERMS:
        raise UsageError(
            f"The rules exclude each other in more than {MOST_TERMS} ways, too many to work out "
            "the chance of a row. Combine fewer rules, or give the inner ones a number of rows."
        )
    return kept
