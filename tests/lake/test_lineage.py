"""What was made from what: every edge is true, points to the right, and stays in its place."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import UnknownNameError
from curation.lake import documents, taxonomies
from curation.lake.annotations import annotate
from curation.lake.datasets import restore
from curation.lake.imports import import_table
from curation.lake.lineage import lineage
from curation.lake.lineage_graph import Edge, Lineage, Node, laid_out, to_dot
from curation.lake.tags import tag
from curation.lake.taxonomy import Rename
from curation.lake.workspace import Workspace

ROWS = pa.table({"id": ["a", "b"], "label": ["x", "y"]})


def add(workspace: Workspace, name: str, **options: str) -> int:
    return import_table(
        workspace, ROWS, name, roles={"id": "key", "label": "label"}, author="ann", **options
    ).snapshot  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, dict[str, int]]]:
    """A dataset with a history, and another that was built from it; tests only read them."""
    with Workspace.open(tmp_path_factory.mktemp("lineage") / "workspace") as opened:
        at = {"first": add(opened, "raw")}
        annotate(opened, "raw", "a", "relabel", value="y", annotator="bob")
        at["append"] = add(opened, "raw", mode="append")
        at["restore"] = restore(opened, "raw", at["first"], "cid")
        taxonomies.apply(opened, "raw", [Rename(old="x", new="z")], author="cid", message="Z")
        documents.save(opened, "recipe", "raw", "recipe", "{}", author="cid", message="Balanced")
        add(opened, "other")
        manifest = {
            "kind": "build", "output": {"dataset": "out"}, "annotations": {"events": 1},
            "coordinates": {
                "dataset": "raw", "snapshot": at["append"], "taxonomy_version": 2,
                "recipe_version": 1, "rules": {"few": 3}, "cut": {"branch": "main", "snapshot": 9},
            },
            "conflicts": [{"record_key": "a"}],
        }  # fmt: skip
        at["build"] = opened.write(
            lambda cursor: cursor.execute(
                "CREATE TABLE lake.data.out AS FROM lake.data.raw; "
                "INSERT INTO lake.curation.datasets SELECT 'out', roles, created_at, 1 "
                "FROM lake.curation.datasets WHERE name = 'raw'; "
                "INSERT INTO lake.curation.runs VALUES ('r1', 'out', "
                f"$${json.dumps(manifest)}$$, now()::TIMESTAMP)"
            ),
            author="dan", message="Built", operation="build", dataset="out", rows=2, run_id="r1",
        )[1]  # fmt: skip
        tag(opened, "v1", author="ann", message="For the paper")
        yield opened, at


def from_edges(found: Lineage, target: str) -> set[str]:
    return {edge.source for edge in found.edges if edge.target == target and edge.kind == "from"}


def test_a_snapshot_is_made_from_files_older_snapshots_and_runs(
    built: tuple[Workspace, dict[str, int]],
) -> None:
    workspace, at = built
    found = lineage(workspace)
    snapshot = {name: f"snapshot:{number}" for name, number in at.items()}
    assert from_edges(found, snapshot["first"]) == {f"source:{at['first']}"}
    assert from_edges(found, snapshot["append"]) == {f"source:{at['append']}", snapshot["first"]}
    assert from_edges(found, snapshot["restore"]) == {snapshot["first"]}
    assert from_edges(found, snapshot["build"]) == {"run:r1"}
    assert from_edges(found, "run:r1") == {
        snapshot["append"], "taxonomy:raw:2", "recipe:raw:1", "rule:few:3", "cut:r1",
    }  # fmt: skip
    assert from_edges(found, "cut:r1") == {"annotations:raw"}
    assert from_edges(found, "taxonomy:raw:2") == {"taxonomy:raw:1"}
    assert {snapshot["restore"], snapshot["build"]} < from_edges(found, "tag:v1")
    assert Edge(snapshot["append"], snapshot["restore"], "after") in found.edges
    nodes = {node.id: node for node in found.nodes}
    assert (nodes["cut:r1"].title, nodes["run:r1"].detail) == (
        "decisions: 1", "waiting for a person: 1",
    )  # fmt: skip
    assert nodes[snapshot["build"]].who == "dan"


def test_one_dataset_is_shown_with_what_it_was_made_from(
    built: tuple[Workspace, dict[str, int]],
) -> None:
    workspace, _ = built
    titles = {node.title for node in lineage(workspace, "out").nodes}
    assert any(title.startswith("raw ·") for title in titles)
    assert not any(title.startswith("other ·") for title in titles)
    assert "run" not in {node.kind for node in lineage(workspace, "raw").nodes}
    with pytest.raises(UnknownNameError, match="no dataset 'nope'"):
        lineage(workspace, "nope")


def test_only_the_newest_snapshots_are_shown_and_the_rest_counted(
    built: tuple[Workspace, dict[str, int]],
) -> None:
    workspace, at = built
    found = lineage(workspace, "raw", last=1)
    assert [n.id for n in found.nodes if n.kind == "snapshot"] == [f"snapshot:{at['restore']}"]
    assert found.left_out == 2


def test_dot_quotes_what_is_in_a_name() -> None:
    nodes = [
        Node('a"b', "source", 'say "hi"\\', "line\nbreak", None, ""),
        Node("c", "snapshot", "c", "", None, ""),
    ]
    assert to_dot(laid_out(nodes, [Edge('a"b', "c", "after")])) == "\n".join([
        "digraph lineage {", "  rankdir=LR;",
        '  "a\\"b" [shape=note, label="say \\"hi\\"\\\\\\nline\\nbreak"];',
        '  "c" [shape=cylinder, label="c"];',
        '  "a\\"b" -> "c" [style=dashed];', "}",
    ])  # fmt: skip


PAIRS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda p: p[0] < p[1]))


@given(PAIRS, st.randoms(use_true_random=False))
def test_every_edge_goes_to_the_right_and_no_two_nodes_share_a_place(
    pairs: list[tuple[int, int]], random: object
) -> None:
    nodes = [Node(str(number), "snapshot", "", "", None, "") for number in range(10)]
    edges = [Edge(str(a), str(b), "from") for a, b in pairs] + [Edge("1", "gone", "from")]
    found = laid_out(nodes, edges)
    at = {node.id: node for node in found.nodes}
    assert all(at[edge.source].layer < at[edge.target].layer for edge in found.edges)
    assert len({(node.layer, node.order) for node in found.nodes}) == len(nodes)
    assert len(found.edges) == len(set(pairs))
    random.shuffle(nodes)  # type: ignore[attr-defined]
    assert laid_out(nodes, edges[::-1]) == found
