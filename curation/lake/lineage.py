"""The lineage of a workspace: which files, snapshots and versions each snapshot was made from.

It is read from what was noted with each snapshot, and from the manifests of runs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from curation.lake import documents
from curation.lake.datasets import get_dataset, list_datasets
from curation.lake.lineage_graph import Edge, EdgeKind, Lineage, Node, laid_out
from curation.lake.snapshots import Snapshot, log
from curation.lake.tags import list_tags
from curation.lake.workspace import Workspace

MOST_SNAPSHOTS = 20
"""Of each dataset, the newest are shown."""

_CHANGES = ("append", "roles")
"""Operations that make a snapshot from the one before."""

Part = Node | Edge


@dataclass(frozen=True)
class _Run:
    run_id: str
    output: Snapshot | None
    manifest: dict[str, Any]


def lineage(
    workspace: Workspace, dataset: str | None = None, *, last: int = MOST_SNAPSHOTS
) -> Lineage:
    """Return what was made from what.

    Args:
        workspace: whose.
        dataset: only it, and what it was made from; all of them without one.
        last: how many snapshots of each dataset, the newest.

    Raises:
        UnknownNameError: no such dataset.
    """
    runs = _runs(workspace)
    names = [found.name for found in list_datasets(workspace)]
    if dataset is not None:
        names = _with_sources(get_dataset(workspace, dataset).name, runs)
    histories = {name: log(workspace, name) for name in names}
    shown = {name: history[:last] for name, history in histories.items()}
    parts: list[Part] = []
    for name, history in shown.items():
        parts += _snapshots(name, history)
        if (label := get_dataset(workspace, name).roles.label) is not None:
            parts += _documents(workspace, name, "taxonomy", label, last)
        parts += _documents(workspace, name, "recipe", None, last)
        parts += _annotations(workspace, name)
    parts += _findings(workspace, shown)
    parts += _tags(workspace, histories, shown)
    for run in runs:
        if run.output is not None and run.output in shown.get(_into(run), []):
            parts += _made_by(run)
    return laid_out(
        (part for part in parts if isinstance(part, Node)),
        (part for part in parts if isinstance(part, Edge)),
        left_out=sum(map(len, histories.values())) - sum(map(len, shown.values())),
    )


def _snapshots(name: str, history: list[Snapshot]) -> Iterator[Part]:
    for at, snapshot in enumerate(history):
        node = _snapshot_id(snapshot.snapshot)
        rows = "" if snapshot.rows is None else f"{snapshot.rows:,} rows; "
        yield Node(
            node, "snapshot", f"{name} · {snapshot.snapshot}", f"{rows}{snapshot.message}",
            snapshot.time, snapshot.author,
        )  # fmt: skip
        if snapshot.operation in ("import", "append"):
            file = snapshot.details.get("file") or "a table"
            source = f"source:{snapshot.snapshot}"
            yield Node(source, "source", file, "", snapshot.time, snapshot.author)
            yield Edge(source, node, "from")
        if snapshot.details.get("restored") is not None:
            yield Edge(_snapshot_id(snapshot.details["restored"]), node, "from")
        if at + 1 < len(history):
            kind: EdgeKind = "from" if snapshot.operation in _CHANGES else "after"
            yield Edge(_snapshot_id(history[at + 1].snapshot), node, kind)


def _documents(
    workspace: Workspace,
    name: str,
    kind: Literal["taxonomy", "recipe"],
    label: str | None,
    last: int,
) -> Iterator[Part]:
    """Yield the newest versions of a dataset's taxonomy or recipe, and what each was made from."""
    for document in documents.versions(workspace, kind, name, label)[-last:]:
        version = document.version
        node = _document_id(kind, name, version)
        taken_back = "; taken back" if document.is_taken_back else ""
        yield Node(
            node, kind, f"{kind} of {name} · {version}", f"{document.message}{taken_back}",
            document.created_at, document.author,
        )  # fmt: skip
        if kind == "recipe":
            yield Edge(_document_id(kind, name, version - 1), node, "after")
        elif (parent := json.loads(document.text).get("parent")) is not None:
            yield Edge(_document_id(kind, name, parent), node, "from")


def _annotations(workspace: Workspace, name: str) -> Iterator[Part]:
    with workspace.cursor() as cursor:
        row = cursor.execute(
            "SELECT count(*), count(DISTINCT annotator), max(created_at) "
            "FROM lake.curation.annotations WHERE dataset = ? AND decision <> 'revert'",
            [name],
        ).fetchone()
    assert row is not None, "an aggregate gives a row"
    events, people, when = row
    if events:
        detail = f"decisions: {events:,}; people and models: {people:,}"
        yield Node(f"annotations:{name}", "annotations", f"said about {name}", detail, when, "")


def _findings(workspace: Workspace, shown: dict[str, list[Snapshot]]) -> Iterator[Part]:
    with workspace.cursor() as cursor:
        rows = cursor.execute(
            "SELECT finding_id, dataset, snapshot, finder, summary, created_at "
            "FROM lake.curation.findings ORDER BY created_at"
        ).fetchall()
    for finding_id, dataset, snapshot, finder, text, when in rows:
        if any(each.snapshot == snapshot for each in shown.get(dataset, [])):
            summary = json.loads(text)
            detail = f"{summary.get('flagged', 0):,} of {summary.get('rows', 0):,} rows flagged"
            yield Node(f"finding:{finding_id}", "finding", finder, detail, when, finder)
            yield Edge(_snapshot_id(snapshot), f"finding:{finding_id}", "from")


def _tags(
    workspace: Workspace, histories: dict[str, list[Snapshot]], shown: dict[str, list[Snapshot]]
) -> Iterator[Part]:
    """Yield the tags and, of each dataset, the snapshot that was in force there."""
    for tag in list_tags(workspace):
        node = f"tag:{tag.name}"
        edges = [
            Edge(_snapshot_id(snapshot.snapshot), node, "from")
            for name, history in histories.items()
            for snapshot in [each for each in history if each.snapshot <= tag.snapshot][:1]
            if snapshot in shown[name]
        ]
        if edges:
            yield Node(node, "tag", tag.name, tag.message, tag.created_at, tag.author)
            yield from edges


def _made_by(run: _Run) -> Iterator[Part]:
    """Yield a run and the versions that it combined."""
    assert run.output is not None
    node = f"run:{run.run_id}"
    kind = run.manifest.get("kind", "run")
    waiting = len(run.manifest.get("conflicts", []))
    detail = f"waiting for a person: {waiting:,}" if waiting else ""
    yield Node(node, "run", f"{kind} of {_into(run)}", detail, run.output.time, run.output.author)
    yield Edge(node, _snapshot_id(run.output.snapshot), "from")
    source = run.manifest.get("coordinates") or run.manifest.get("input") or {}
    name = source.get("dataset", "")
    if source.get("snapshot") is not None:
        yield Edge(_snapshot_id(source["snapshot"]), node, "from")
    for document in ("taxonomy", "recipe"):
        if version := source.get(f"{document}_version"):
            yield Edge(_document_id(document, name, version), node, "from")
    for rule, version in (source.get("rules") or {}).items():
        yield Node(f"rule:{rule}:{version}", "rule", f"{rule} · {version}", "", None, "")
        yield Edge(f"rule:{rule}:{version}", node, "from")
    if (said := run.manifest.get("annotations")) is not None:
        cut = source.get("cut") or {}
        until = f", of branch {cut.get('branch', 'main')} up to snapshot {cut.get('snapshot')}"
        yield Node(
            f"cut:{run.run_id}", "annotations", f"decisions: {said.get('events', 0):,}",
            f"in force{until}", run.output.time, "",
        )  # fmt: skip
        yield Edge(f"annotations:{name}", f"cut:{run.run_id}", "from")
        yield Edge(f"cut:{run.run_id}", node, "from")


def _runs(workspace: Workspace) -> list[_Run]:
    """Return the runs that wrote a snapshot, with the snapshot."""
    with workspace.cursor() as cursor:
        rows = cursor.execute(
            "SELECT run_id, dataset, manifest FROM lake.curation.runs ORDER BY created_at, run_id"
        ).fetchall()
    written = {
        snapshot.details["run_id"]: snapshot
        for name in {dataset for _, dataset, _ in rows}
        for snapshot in log(workspace, name)
        if "run_id" in snapshot.details
    }
    return [
        _Run(run_id, written.get(run_id), {"into": dataset, **json.loads(text)})
        for run_id, dataset, text in rows
    ]


def _with_sources(name: str, runs: list[_Run]) -> list[str]:
    """Return a dataset and those that it was made from, however far back."""
    names = [name]
    for known in names:
        for run in runs:
            source = (run.manifest.get("coordinates") or {}).get("dataset")
            if _into(run) == known and source and source not in names:
                names.append(source)
    return names


def _into(run: _Run) -> str:
    return str(run.manifest["into"])


def _snapshot_id(snapshot: int) -> str:
    return f"snapshot:{snapshot}"


def _document_id(kind: str, dataset: str, version: int) -> str:
    return f"{kind}:{dataset}:{version}"
