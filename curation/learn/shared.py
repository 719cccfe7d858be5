"""What finders share: one feature space, one neighbour graph, one set of probabilities.

Each is computed when a finder first asks for it, and kept: in memory for the finders of one search,
and in a `Keep` (the lake) for the searches after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Protocol

import numpy.typing as npt
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from curation.errors import UnknownNameError, UsageError
from curation.lake.records import record_keys
from curation.lake.roles import Roles
from curation.learn.arrays import Matrix
from curation.learn.content import Content, read_content
from curation.learn.features import feature_space
from curation.learn.given import given_probabilities
from curation.learn.labels import Labels, encode_labels, labels_as_text
from curation.learn.neighbours import Neighbours, near_pairs, nearest_neighbours
from curation.learn.presets import Preset
from curation.learn.probabilities import OutOfSample, out_of_sample_probabilities
from curation.progress import Progress, no_progress, part

Arrays = Mapping[str, npt.NDArray[Any]]

VERSION = 1
"""Goes up when the same data would give other arrays; those kept before are not read again."""
_QUICK = 20_000
"""Up to so many rows the neighbour graph takes a second or two."""


class Settings(BaseModel):
    """How the shared computation is done; the same for all finders of a search."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    preset: Preset = Field(
        default="fast", title="Preset", description="How much work the model may be."
    )
    learners: tuple[str, ...] = Field(
        default=(),
        title="Models",
        description="For the preset custom: names of models, or import paths of estimators.",
    )
    learner_parameters: dict[str, Any] = Field(
        default_factory=dict,
        title="Parameters of the models",
        description="For estimators named by their import path.",
    )
    seed: int = Field(default=0, title="Seed", description="For what is drawn at random.")
    pred_probs_prefix: str | None = Field(
        default=None,
        title="Your own probabilities",
        description="Columns that begin so hold out-of-sample probabilities, one for each class.",
    )
    neighbours: int = Field(
        default=10, ge=1, le=100, title="Neighbours", description="Nearest rows looked at."
    )


class Keep(Protocol):
    """Where computed arrays are kept from one search to the next."""

    def load(self, kind: str, parameters: Mapping[str, Any]) -> dict[str, npt.NDArray[Any]] | None:
        """Return the arrays that were kept under this kind and these parameters, or None."""

    def save(self, kind: str, parameters: Mapping[str, Any], arrays: Arrays) -> None:
        """Keep arrays."""


class Shared:
    """A table, and what is computed of it once for all finders.

    Attributes:
        table: n rows.
        roles: what each column is for.
        settings: how things are computed.
    """

    def __init__(
        self,
        table: pa.Table,
        roles: Roles,
        settings: Settings | None = None,
        *,
        keep: Keep | None = None,
    ) -> None:
        for column in roles.columns:
            if column not in table.column_names:
                raise UnknownNameError("column", column, table.column_names)
        self.table, self.roles, self.settings = table, roles, settings or Settings()
        self._keep = keep
        self._features: Matrix | None = None
        self._neighbours: Neighbours | None = None
        self._probabilities: OutOfSample | None = None

    @property
    def label(self) -> str:
        """The label column.

        Raises:
            UsageError: there is none.
        """
        if self.roles.label is None:
            columns = ", ".join(self.table.column_names)
            raise UsageError(f"Which column is the label? Columns: {columns}.")
        return self.roles.label

    @cached_property
    def labels(self) -> Labels:
        """The class of each row; see `encode_labels` for what it raises."""
        return encode_labels(self.table, self.label)

    @cached_property
    def record_keys(self) -> pa.ChunkedArray:
        """The record key of each row: n texts."""
        return record_keys(self.table, self.roles)

    @cached_property
    def given_labels(self) -> pa.ChunkedArray:
        """The label of each row as text, null where it has none or the data have no labels."""
        if self.roles.label is None:
            return pa.chunked_array([pa.nulls(self.table.num_rows, pa.string())])
        return labels_as_text(self.table.column(self.label))

    @cached_property
    def content(self) -> Content:
        """The columns that a model may look at, as numbers and distinct texts."""
        return read_content(self.table, self.roles)

    def features(self, progress: Progress = no_progress) -> Matrix:
        """Return the feature space: shape (n, d), float32, finite; see `feature_space`."""
        if self._features is None:
            self._features = feature_space(self.content, progress=progress)
        return self._features

    def neighbours(self, progress: Progress = no_progress) -> Neighbours:
        """Return each row's nearest other rows in the feature space."""
        if self._neighbours is None:
            wanted = {
                "neighbours": self.settings.neighbours, "seed": self.settings.seed,
                "version": VERSION,
            }  # fmt: skip
            kept = self._keep.load("neighbours", wanted) if self._keep else None
            if kept is None:
                matrix = self.features(part(progress, 0.0, 0.5))
                found = nearest_neighbours(
                    matrix,
                    self.settings.neighbours,
                    seed=self.settings.seed,
                    progress=part(progress, 0.5, 1.0),
                )
                if self._keep:
                    self._keep.save("neighbours", wanted, found.arrays())
            else:
                found = Neighbours.from_arrays(kept)
            self._neighbours = found
        return self._neighbours

    def probabilities(self, progress: Progress = no_progress) -> OutOfSample:
        """Return out-of-sample class probabilities of every row."""
        if self._probabilities is None:
            wanted = {**self.settings.model_dump(), "version": VERSION}
            kept = self._keep.load("probabilities", wanted) if self._keep else None
            if kept is None:
                found = self._learn(progress)
                if self._keep:
                    self._keep.save("probabilities", wanted, found.arrays())
            else:
                found = OutOfSample.from_arrays(kept)
            self._probabilities = found
        return self._probabilities

    def neighbours_if_quick(self, progress: Progress = no_progress) -> Neighbours | None:
        """Return the neighbour graph where it is there already or takes a second or two."""
        if self._neighbours is None and self.table.num_rows > _QUICK:
            return None
        if not self.roles.content:
            return None
        return self.neighbours(progress)

    def _learn(self, progress: Progress) -> OutOfSample:
        labels, prefix = self.labels, self.settings.pred_probs_prefix
        if prefix is None:
            # Rows that are alike in features alone agree by chance; and what is learned may not
            # depend on whether another finder has made the graph already.
            wanted = self.content.is_dense and self.table.num_rows <= _QUICK
            graph = self.neighbours(part(progress, 0.0, 0.2)) if wanted else None
            return out_of_sample_probabilities(
                self.table, labels.codes, labels.classes, self.roles,
                preset=self.settings.preset, seed=self.settings.seed,
                learners=self.settings.learners, parameters=self.settings.learner_parameters,
                near=None if graph is None else near_pairs(graph),
                content=self.content, progress=part(progress, 0.2, 1.0),
            )  # fmt: skip
        probabilities, notes = given_probabilities(self.table, prefix, labels.classes)
        return OutOfSample(
            probabilities, labels.codes, labels.classes, f"given in the columns '{prefix}…'", notes
        )
