"""The commands about a workspace's history, as another program or a person meets them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from curation.cli.main import app
from curation.lake.annotations import annotate
from curation.lake.workspace import Workspace

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Call the command line with a workspace of two snapshots, a tag and a decision."""
    folder = tmp_path_factory.mktemp("history")

    def call(*arguments: str | Path) -> Result:
        place = ["--workspace", str(folder / "workspace")]
        return CliRunner().invoke(app, [*place, *map(str, arguments)], prog_name="curation")

    source = folder / "things.csv"
    for number, third in enumerate(("small", "large")):
        kinds = ["small", "large", third, "other"] + ["small", "large"] * 8
        source.write_text("id,kind\n" + "".join(f"k{n},{kind}\n" for n, kind in enumerate(kinds)))
        done = call("import", source, "--dataset", "things", "--label", "kind", "--key", "id",
                    "--author", "ann")  # fmt: skip
        assert done.exit_code == 0, done.output
        if number == 0:
            done = call("tag", "v1", "--message", "For the paper", "--author", "ann")
            assert done.exit_code == 0, done.output
            assert done.stdout.startswith("v1 is snapshot ")
    with Workspace.open(folder / "workspace") as workspace:
        annotate(workspace, "things", "k2", "relabel", value="other", annotator="bob")
    return call


def said(run: Run, *arguments: str) -> str:
    done = run(*arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_tag_is_listed_and_stands_for_a_snapshot(run: Run) -> None:
    [listed] = json.loads(said(run, "tags", "--json"))
    assert (listed["name"], listed["author"], listed["message"]) == ("v1", "ann", "For the paper")
    assert "v1" in said(run, "tags")
    [newer, older] = said(run, "log", "things").splitlines()[1:]
    assert "v1" in older
    assert "v1" not in newer
    by_tag = json.loads(said(run, "diff", "things", "v1", "--json"))
    assert by_tag == json.loads(said(run, "diff", "things", "--json"))
    assert by_tag["label_changes"] == [{"before": "small", "after": "large", "rows": 1}]


def test_a_tag_can_be_removed(run: Run) -> None:
    said(run, "tag", "draft", "--at", "1")
    assert "removed" in said(run, "tag", "draft", "--remove")
    assert "draft" not in said(run, "tags")


def test_a_diff_says_which_columns_and_labels_changed(run: Run) -> None:
    shown = said(run, "diff", "things", "--columns").splitlines()
    assert shown[1:3] == [
        "0 rows added, 0 removed, 1 changed.",
        "kind differs in 1 of the changed rows.",
    ]
    assert shown[4].split() == ["small", "large", "1"]


def test_a_record_and_its_label_are_explained(run: Run) -> None:
    shown = said(run, "record", "things", "k2")
    assert "changed (kind) with snapshot" in shown
    assert shown.splitlines()[-1] == "The record is there; its label is 'other'."
    life = json.loads(said(run, "record", "things", "k2", "--json"))
    assert [event["kind"] for event in life["events"]] == ["appeared", "changed", "annotation"]
    assert life["events"][1]["columns"] == {"kind": {"before": "small", "after": "large"}}
    causes = json.loads(said(run, "blame", "things", "k2", "--json"))
    assert [(c["kind"], c["label"], c["who"]) for c in causes] == [
        ("data", "large", "ann"), ("decision", "other", "bob"),
    ]  # fmt: skip
    assert "relabel 'large' to 'other'" in said(run, "blame", "things", "k2")


def test_lineage_is_text_json_or_dot(run: Run) -> None:
    assert "things.csv" in said(run, "lineage")
    graph = json.loads(said(run, "lineage", "things", "--json"))
    assert {node["kind"] for node in graph["nodes"]} == {"source", "snapshot", "tag", "annotations"}
    assert said(run, "lineage", "--dot").startswith("digraph lineage {")
    assert "1 older snapshots are not shown" in said(run, "lineage", "--last", "1")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["diff", "things", "v9"], "There is no tag 'v9'"),
        (["diff", "things", "99"], "'things' has no snapshot 99"),
        (["tag", "v1"], "There is a tag 'v1' already"),
        (["tag", "v2", "--remove"], "There is no tag 'v2'"),
        (["tag", "12"], "cannot be a tag's name"),
        (["record", "things", "nope"], "There is no record 'nope'"),
        (["blame", "nothing", "k1"], "There is no dataset 'nothing'"),
        (["lineage", "--dot", "--json"], "two forms of the same"),
        (["log", "nothing"], "There is no dataset 'nothing'"),
    ],
)
def test_what_cannot_be_is_said(run: Run, arguments: list[str], message: str) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert message in done.stderr
