"""How one rule names another: NAME or NAME@VERSION."""

from __future__ import annotations

import re
from collections.abc import Iterator

from curation.errors import UsageError
from curation.sampling.rules.rule import RuleFields

MOST_DEEP = 8
"""Rules within rules; a recipe that holds them written out can still be read."""
MOST_PARTS = 100
"""Rules in all that one rule is made of."""
_REFERENCE = re.compile(r"([^@\n]{1,100})(?:@([1-9][0-9]{0,5}))?")


def split_reference(reference: str) -> tuple[str, int | None]:
    """Return the name and the version in NAME@VERSION; None where there is none.

    Raises:
        UsageError: it is neither NAME nor NAME@VERSION.
    """
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        raise UsageError(
            f"{reference[:120]!r} names no rule. Write NAME, or NAME@VERSION with a whole number "
            "from 1, for example weekly@2."
        )
    return found[1], int(found[2]) if found[2] else None


def named_in(rule: RuleFields) -> Iterator[str]:
    """Yield the references in a rule and in the rules that stand within it."""
    for part in rule.parts:
        if isinstance(part, str):
            yield part
        else:
            yield from named_in(part)
