"""Arrays that were computed from a snapshot, kept so that the next search need not compute them.

What is kept is a cache: it is found again by dataset, snapshot, kind, parameters and the version of
the code that made it, and whoever deletes it loses time and nothing else.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curation.lake.workspace import Workspace

Arrays = Mapping[str, npt.NDArray[Any]]

_PART: Final = 16 * 2**20
"""Bytes of an array that lie in one row."""
MOST_BYTES: Final = 2 * 2**30
"""What is larger is not kept: to read it would take as long as to compute it."""


@dataclass(frozen=True)
class KeptArrays:
    """The computed arrays of one snapshot of a dataset."""

    workspace: Workspace
    dataset: str
    snapshot: int

    def load(self, kind: str, parameters: Mapping[str, Any]) -> dict[str, npt.NDArray[Any]] | None:
        """Return the arrays that were kept under this kind and these parameters, or None."""
        with self.workspace.cursor() as cursor:
            row = cursor.execute(
                "SELECT computed_id, arrays FROM lake.curation.computed WHERE dataset = ? "
                "AND snapshot = ? AND kind = ? AND parameters = ? ORDER BY created_at DESC LIMIT 1",
                [self.dataset, self.snapshot, kind, _text(parameters)],
            ).fetchone()
            if row is None:
                return None
            computed_id, arrays = row
            found = {}
            for name, (kind_of_number, shape) in json.loads(arrays).items():
                flat = np.empty(int(np.prod(shape)), np.dtype(kind_of_number))
                _read(cursor, computed_id, name, flat)
                found[name] = flat.reshape(shape)
            return found

    def save(self, kind: str, parameters: Mapping[str, Any], arrays: Arrays) -> None:
        """Keep arrays, unless they are larger than `MOST_BYTES` together."""
        if sum(array.nbytes for array in arrays.values()) > MOST_BYTES:
            return
        computed_id = uuid.uuid4().hex
        about = {name: (array.dtype.str, list(array.shape)) for name, array in arrays.items()}

        def change(cursor: duckdb.DuckDBPyConnection) -> None:
            cursor.execute(
                "INSERT INTO lake.curation.computed VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    computed_id, self.dataset, self.snapshot, kind, _text(parameters),
                    json.dumps(about), datetime.now(UTC).replace(tzinfo=None),
                ],
            )  # fmt: skip
            schema = pa.schema(
                [("computed_id", pa.string()), ("name", pa.string()), ("part", pa.int32()),
                 ("bytes", pa.large_binary())]
            )  # fmt: skip
            reader = pa.RecordBatchReader.from_batches(
                schema, _batches(computed_id, arrays, schema)
            )
            cursor.register("parts", reader)
            cursor.execute("INSERT INTO lake.curation.computed_parts SELECT * FROM parts")
            cursor.unregister("parts")

        self.workspace.write(
            change,
            author="finder",
            message=f"Kept {kind} of snapshot {self.snapshot}",
            operation="compute",
            dataset=self.dataset,
        )


def _text(parameters: Mapping[str, Any]) -> str:
    return json.dumps(parameters, sort_keys=True)


def _batches(computed_id: str, arrays: Arrays, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for name, array in arrays.items():
        flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        for part, start in enumerate(range(0, max(len(flat), 1), _PART)):
            row = [computed_id, name, part, flat[start : start + _PART].tobytes()]
            columns = [
                pa.array([value], kind) for value, kind in zip(row, schema.types, strict=True)
            ]
            yield pa.record_batch(columns, schema=schema)


def _read(
    cursor: duckdb.DuckDBPyConnection, computed_id: str, name: str, into: npt.NDArray[Any]
) -> None:
    """Fill an array from its parts, one at a time, so that it is not held twice."""
    flat, start = into.view(np.uint8), 0
    found = cursor.execute(
        "SELECT bytes FROM lake.curation.computed_parts WHERE computed_id = ? AND name = ? "
        "ORDER BY part",
        [computed_id, name],
    )
    while row := found.fetchone():
        part = np.frombuffer(row[0], np.uint8)
        flat[start : start + len(part)] = part
        start += len(part)
    assert start == len(flat), f"{name} has {start:,} of {len(flat):,} bytes"
