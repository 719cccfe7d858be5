"""Every finder there is: ours, and those of other packages."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pydantic import ValidationError

from curation.errors import PluginError, UnknownNameError, UsageError
from curation.finders.annotator_labels import AnnotatorLabels
from curation.finders.base import Finder
from curation.finders.class_imbalance import ClassImbalance
from curation.finders.conflicting_labels import ConflictingLabels
from curation.finders.constant import Constant
from curation.finders.exact_duplicate import ExactDuplicate
from curation.finders.identifier_leakage import IdentifierLeakage
from curation.finders.image import ImageIssues
from curation.finders.label import LabelIssues
from curation.finders.label_leakage import LabelLeakage
from curation.finders.missing_values import MissingValues
from curation.finders.mixed_types import MixedTypes
from curation.finders.multi_label import MultiLabel
from curation.finders.near_duplicate import NearDuplicate
from curation.finders.order import Order
from curation.finders.outlier import Outlier
from curation.finders.regression_label import RegressionLabel
from curation.finders.split_leakage import SplitLeakage
from curation.finders.spurious_correlation import SpuriousCorrelation
from curation.finders.string_mismatch import StringMismatch
from curation.finders.underperforming_group import UnderperformingGroup
from curation.finders.valuation import Valuation
from curation.model_errors import in_words

GROUP = "curation.finders"
"""The entry-point group in which another package names its finders."""

FINDERS: tuple[type[Finder], ...] = (
    LabelIssues,
    AnnotatorLabels,
    MultiLabel,
    RegressionLabel,
    ConflictingLabels,
    ExactDuplicate,
    NearDuplicate,
    Outlier,
    UnderperformingGroup,
    Valuation,
    Order,
    ClassImbalance,
    MissingValues,
    Constant,
    MixedTypes,
    StringMismatch,
    LabelLeakage,
    IdentifierLeakage,
    SpuriousCorrelation,
    SplitLeakage,
    ImageIssues,
)


@cache
def finders() -> Mapping[str, type[Finder]]:
    """Return every finder by its name, ours first.

    Raises:
        PluginError: a package's finder cannot be loaded, is none, or has a name that is taken.
    """
    found = {finder.name: finder for finder in FINDERS}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        finder = _loaded(entry)
        if found.setdefault(finder.name, finder) is not finder:
            raise PluginError(
                f"{_who(entry)} names its finder '{finder.name}', and there is one of that name. "
                "Uninstall the package, or use one in which it has another name."
            )
    return found


def finder_named(name: str, parameters: Mapping[str, Any] | None = None) -> Finder:
    """Return a finder with parameters; values may be texts, as from a command line.

    Raises:
        UnknownNameError: there is no such finder.
        UsageError: a parameter that it does not have, or a value that is not allowed.
    """
    known = finders()
    if name not in known:
        raise UnknownNameError("finder", name, known)
    try:
        return known[name].model_validate(dict(parameters or {}))
    except ValidationError as error:
        raise UsageError(f"Finder '{name}': {in_words(known[name], error)}") from error


def _loaded(entry: EntryPoint) -> type[Finder]:
    try:
        finder = entry.load()
    except (ImportError, AttributeError) as error:
        raise PluginError(
            f"{_who(entry)} names a finder that cannot be loaded: {error}. "
            "Mend or uninstall the package."
        ) from error
    if not (isinstance(finder, type) and issubclass(finder, Finder)):
        raise PluginError(
            f"{_who(entry)} names '{entry.value}' as a finder; it must be a class derived from "
            "curation.finders.base.Finder."
        )
    missing = [name for name in ("name", "title", "scores", "advice") if not hasattr(finder, name)]
    if missing:
        raise PluginError(f"{_who(entry)}: finder '{entry.value}' lacks {', '.join(missing)}.")
    return finder


def _who(entry: EntryPoint) -> str:
    package = entry.dist.name if entry.dist else "a package"
    return f"The entry point '{entry.name}' of '{package}'"
