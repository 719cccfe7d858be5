"""Images that are dark, light, blurry, empty, odd, copies or not readable."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image, ImageFilter
from sklearn.datasets import load_digits

from curation.errors import DataError, UnknownNameError, UsageError
from curation.finders import image, image_properties
from curation.finders.base import Finding
from curation.finders.image import ImageIssues
from curation.finders.search import find_issues
from curation.lake.roles import Roles
from curation.progress import Cancelled

DIGITS = load_digits()
Picture = Image.Image


def photo(digit: int, size: tuple[int, int] = (64, 64)) -> Picture:
    """Return a coloured, grainy picture of a digit."""
    large = np.kron(DIGITS.images[digit] * 15, np.ones((8, 8)))[..., None]
    grain = np.random.default_rng(digit).normal(0, 12, (64, 64, 3))
    pixels = np.clip(large * np.array([1, 0.8, 0.6]) + grain, 0, 255).astype(np.uint8)
    return Image.fromarray(pixels).resize(size)


def smooth() -> Picture:
    """Return a picture without an edge, but of all shades."""
    shades = np.add.outer(np.linspace(0, 160, 64), np.linspace(0, 90, 64))
    return Image.fromarray(np.stack([shades, shades * 0.9, shades], axis=2).astype(np.uint8))


def png(picture: Picture, kind: str = "PNG") -> bytes:
    target = io.BytesIO()
    picture.save(target, kind)
    return target.getvalue()


ODD: dict[str, tuple[int, Callable[[], Picture]]] = {
    "dark": (3, lambda: Image.eval(photo(3), lambda v: v // 12)),
    "light": (4, lambda: Image.eval(photo(4), lambda v: 255 - v // 40)),
    "blurry": (5, smooth),
    "nearly empty": (6, lambda: Image.new("RGB", (64, 64), (90, 90, 90))),
    "without colour": (7, lambda: photo(7).convert("L")),
    "odd size": (8, lambda: photo(8, (640, 640))),
    "odd shape": (9, lambda: photo(9, (200, 20))),
}


def album(count: int = 40) -> list[Any]:
    """Return pictures as bytes: one of each kind of issue, copies, and what is no image."""
    data: list[Any] = [png(photo(i)) for i in range(count)]
    for row, made in ODD.values():
        data[row] = png(made())
    data[11] = data[10]
    data[13] = png(photo(12), "BMP")
    data[21] = png(photo(20).filter(ImageFilter.SMOOTH))
    data[14], data[15], data[16] = b"not an image", data[15][:300], None
    return data


def find(data: Any, label: Any = None, kind: pa.DataType | None = None, **options: Any) -> Finding:
    columns = {"id": range(len(data)), "im": pa.array(data, kind)}
    roles = {"id": "key", "im": "image"}
    if label is not None:
        columns["y"], roles["y"] = label, "label"
    return find_issues(
        pa.table(columns), ImageIssues(**options), roles=Roles.model_validate({"columns": roles})
    )


def said(finding: Finding) -> dict[int, str]:
    rows = finding.rows
    pairs = zip(rows["row"].to_pylist(), rows["explanation"].to_pylist(), strict=True)
    return {row: line for row, line in pairs if line is not None}


def subjects(finding: Finding) -> dict[str, dict[str, Any]]:
    return {one["subject"]: one for one in finding.subjects.to_pylist()}


@pytest.fixture(scope="module")
def found() -> Finding:
    return find(album(), kind=pa.binary())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("dark", "Too dark: 99% of its pixels"),
        ("light", "Too light: 95% of its pixels"),
        ("nearly empty", "Nearly empty: its colours have"),
        ("blurry", "Blurry: its edges vary by"),
        ("without colour", "Without colour"),
        ("odd size", "odd size: 640 pixels"),
        ("odd shape", "Of an odd shape: its short side is 10% of its long one"),
    ],
)
def test_each_kind_is_flagged_and_named(found: Finding, name: str, words: str) -> None:
    row = ODD[name][0]
    assert words in said(found)[row]
    assert found.rows["is_issue"][found.rows["row"].to_pylist().index(row)].as_py()


def test_rows_that_are_as_the_others_are_clean(found: Finding) -> None:
    flagged = set(said(found))
    clean = set(range(22, 40)) | {0, 1, 2, 17, 18, 19}
    assert not flagged & clean
    score = dict(zip(found.rows["row"].to_pylist(), found.rows["score"].to_pylist(), strict=True))
    assert all((score[row] < 0.5) == (row in flagged) for row in score)


def test_copies_share_a_group_and_name_the_first(found: Finding) -> None:
    lines = said(found)
    assert lines[10] == "The first of its exact copies."
    assert lines[11] == "Exact copy of record 10."
    assert lines[13] == "Exact copy of record 12."
    group = dict(zip(found.rows["row"].to_pylist(), found.rows["group"].to_pylist(), strict=True))
    assert group[10] == group[11] != group[12] == group[13]
    assert group[0] is None
    assert lines[21] == "Near copy of record 20."
    assert group[20] == group[21]


def test_what_cannot_be_read_is_flagged_and_what_is_missing_is_left_out(found: Finding) -> None:
    lines = said(found)
    assert lines[14] == "Not readable: no image format that is known."
    assert lines[15].startswith("Not readable: ")
    assert 16 not in found.rows["row"].to_pylist()
    assert "1 row without an image left out." in found.notes
    assert subjects(found)["not readable"]["rows"] == 2


def test_each_kind_is_a_subject_with_its_count(found: Finding) -> None:
    kinds = subjects(found)
    assert kinds["too dark"]["rows"] == 1
    assert kinds["too dark"]["is_issue"]
    assert kinds["exact copies"]["rows"] == 4
    assert kinds["near copies"]["rows"] == 2
    assert all(one["kind"] == "slice" for one in kinds.values())
    assert found.summary.subjects_flagged == sum(one["is_issue"] for one in kinds.values())


def test_the_flags_are_those_of_cleanvision(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from cleanvision import Imagelab

    pictures = [photo(i) for i in range(40)]
    for row, made in ODD.values():
        pictures[row] = made()
    pictures[11] = pictures[10]
    paths = []
    for i, picture in enumerate(pictures):
        paths.append(str(tmp_path / f"{i:02}.png"))
        picture.save(paths[-1])
    lab = Imagelab(filepaths=paths)
    lab.find_issues(n_jobs=1, verbose=False)
    capsys.readouterr()
    expected = lab.issues.filter(regex="^is_").loc[paths].any(axis=1).to_numpy()
    finding = find([png(picture) for picture in pictures], kind=pa.binary(), most_share=1)
    assert finding.rows["is_issue"].to_pylist() == expected.tolist()
    ours = {name: one["rows"] for name, one in subjects(finding).items()}
    theirs = dict(
        zip(lab.issue_summary["issue_type"], lab.issue_summary["num_images"], strict=True)
    )
    names = image._NAMES
    assert {names[kind]: count for kind, count in theirs.items()} == {
        name: count for name, count in ours.items() if name != "not readable"
    }


def test_what_most_images_are_is_no_issue() -> None:
    finding = find(DIGITS.images[:200].tolist())
    assert finding.summary.flagged == 0
    grey = subjects(finding)["without colour"]
    assert (grey["rows"], grey["is_issue"], grey["score"]) == (200, False, 1.0)
    assert "how most of these are" in grey["explanation"]
    assert find(DIGITS.images[:20].tolist(), most_share=1).summary.flagged == 20


def test_a_measure_that_tells_the_label_is_a_subject() -> None:
    label = ["day" if i % 2 else "night" for i in range(120)]
    pictures = [png(Image.eval(photo(i), lambda v, i=i: v // 2 + 90 * (i % 2))) for i in range(120)]
    finding = find(pictures, label, pa.binary())
    told = {s["subject"]: s for s in finding.subjects.to_pylist() if s["kind"] == "column"}
    assert "im: brightness" in told
    assert told["im: brightness"]["is_issue"]
    assert "tells the label of" in told["im: brightness"]["explanation"]
    mixed = np.random.default_rng(0).permutation(label).tolist()
    none = find(pictures, mixed, pa.binary())
    assert not [s for s in none.subjects.to_pylist() if s["kind"] == "column"]
    assert set(none.info["label_gain"]) == set(image_properties.MEASURES)


def test_without_cleanvision_the_message_is_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(image_properties, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'curation\[image\]'"):
        find(DIGITS.images[:10].tolist())


@pytest.mark.parametrize(
    ("data", "kind", "error", "message"),
    [
        (["a.png", "b.png"], None, UsageError, "holds string"),
        ([[1, 2, 3], [4, 5, 6]], None, DataError, "no square"),
    ],
)
def test_other_columns_are_refused(
    data: Any, kind: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        find(data, kind=kind)


def test_a_column_that_is_no_image_column_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="no image column 'id'"):
        find(DIGITS.images[:10].tolist(), column="id")
    with pytest.raises(UsageError, match="No column has the role 'image'"):
        find_issues(pa.table({"a": [1, 2]}), ImageIssues(), roles=Roles(columns={"a": "feature"}))


@pytest.mark.parametrize("count", [0, 1, 3])
def test_few_or_no_images_are_no_failure(count: int) -> None:
    kind = pa.list_(pa.list_(pa.float64()))
    finding = find([*DIGITS.images[:count].tolist(), None, [], [[1.0], [1.0, 2.0]]], kind=kind)
    assert finding.rows.num_rows == count + 2
    assert finding.summary.flagged >= 2


def test_it_can_be_cancelled_between_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_properties, "_BATCH", 8)
    seen = []

    def stop(fraction: float, message: str) -> None:
        seen.append(message)
        if len(seen) == 3:
            raise Cancelled

    table = pa.table({"im": DIGITS.images[:64].tolist()})
    with pytest.raises(Cancelled):
        find_issues(table, ImageIssues(), roles=Roles(columns={"im": "image"}), progress=stop)
