"""A taxonomy from an uploaded file, as operations to look at."""

from __future__ import annotations

from curation.errors import UsageError
from curation.lake.taxonomy import Operation, Taxonomy, difference
from curation.lake.taxonomy_yaml import parse, parse_operations
from curation.lake.translation import TaxonomyHistory


def operations_in(content: bytes, known: TaxonomyHistory) -> tuple[tuple[Operation, ...], str]:
    """Return the operations that lead from the version in force to what a file says.

    Args:
        content: YAML in UTF-8: a history, a list of classes, class: description, or operations.
        known: the history that is there.

    Returns:
        The operations, none where the classes are the same, and what a person has to know of them.

    Raises:
        UsageError: it is none of these.
    """
    said = _read(content)
    if isinstance(said, tuple):
        return said, ""
    if isinstance(said, TaxonomyHistory):
        onward = _onward(known, said)
        if onward is not None:
            return onward, ""
        said = said.current
    return difference(known.current, said), (
        "Only the lists of classes could be compared: what was renamed, merged or split looks like "
        "a class that went and one that came."
    )


def _read(content: bytes) -> TaxonomyHistory | Taxonomy | tuple[Operation, ...]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"The file is not text in UTF-8: {error}. Save it as UTF-8.") from error
    try:
        return parse_operations(text)
    except UsageError as no_operations:
        try:
            return parse(text)
        except UsageError as error:
            # Of a misspelt operation, the other message would say that it is no class.
            is_list_of_operations = "operation:" in text and "versions:" not in text
            raise (no_operations if is_list_of_operations else error) from error


def _onward(known: TaxonomyHistory, said: TaxonomyHistory) -> tuple[Operation, ...] | None:
    """Return the operations from the version in force to the file's, None without a path."""
    at, path = said.current, list[Operation]()
    while at != known.current:
        if at.parent is None:
            return None
        path[:0] = at.operations
        at = said.get(at.parent)
    return tuple(path)
