"""What a source file holds: by its name, by its first bytes, and as lines of UTF-8 text."""

from __future__ import annotations

import codecs
import gzip
import io
import os
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any, Literal

from curation.errors import SourceFileError, UsageError, suggest
from curation.progress import Progress

Kind = Literal["csv", "tsv", "jsonl", "parquet", "arrow"]

_KINDS: dict[str, Kind] = {
    ".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl",
    ".parquet": "parquet", ".arrow": "arrow", ".feather": "arrow", ".ipc": "arrow",
}  # fmt: skip
_LISTED = ".csv, .tsv, .jsonl, .ndjson, .parquet, .arrow, .feather, .ipc; text also as .gz"
_INSTEAD = {
    ".json": " Write one JSON object a line and name it .jsonl.",
    ".xlsx": " Save the sheet as CSV UTF-8 and name it .csv.",
    ".xls": " Save the sheet as CSV UTF-8 and name it .csv.",
    ".txt": " If it has a header and values with commas or tabs between, name it .csv or .tsv.",
    ".zip": " Unpack it first.",
}
_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"PAR1", "Parquet", "Name it .parquet."),
    (b"ARROW1", "Arrow (Feather)", "Name it .arrow."),
    (b"\xff\xff\xff\xff", "an Arrow stream", "Name it .arrow."),
    (b"FEA1", "Feather version 1", "Write it again as Feather version 2 or Parquet."),
    (b"\x1f\x8b", "gzip", "Add .gz to its name, or unpack it first."),
    (b"PK\x03\x04", "a zip archive", "Unpack it first."),
    (b"%PDF", "a PDF document", "Export its table as CSV."),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "Save the sheet as CSV UTF-8."),
    (b"SQLite format 3", "an SQLite database", "Export its table as CSV."),
    (b"BZh", "bzip2", "Unpack it first."),
    (b"\x28\xb5\x2f\xfd", "Zstandard", "Unpack it first."),
    (b"\xfd7zXZ", "xz", "Unpack it first."),
    (b"\x89PNG", "a PNG image", "Give a table."),
    (b"\xff\xd8\xff", "a JPEG image", "Give a table."),
)
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
_HEAD = 65_536
_LINES_A_REPORT = 65_536


def kind_of(name: str) -> tuple[Kind, bool]:
    """Return what a file name says the file holds, and whether it is packed with gzip.

    Raises:
        UsageError: an extension that is not among those which can be read or written.
    """
    parts = PurePath(name.lower())
    packed = parts.suffix == ".gz"
    extension = PurePath(parts.stem).suffix if packed else parts.suffix
    kind = _KINDS.get(extension)
    if kind is None or (packed and kind in ("parquet", "arrow")):
        called = f"the extension '{''.join(parts.suffixes[-2:]) if packed else extension}'"
        raise UsageError(
            f"'{name}' has {called if extension else 'no extension'}. "
            f"Allowed: {_LISTED}.{_INSTEAD.get(extension, '')}"
        )
    return kind, packed


def check_there(path: Path, name: str) -> None:
    """Refuse a path that is not there, or is a folder.

    Raises:
        SourceFileError: with the nearest name in the same folder.
    """
    if path.is_dir():
        raise SourceFileError(f"'{name}' is a folder. Give a file: {_LISTED}.")
    if not path.exists():
        folder = path.parent
        names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
        near = suggest(path.name, names)
        raise SourceFileError(f"There is no file '{name}'. {near}Check its path.")


def check_file(path: Path, kind: Kind, packed: bool, name: str) -> None:
    """Refuse a file that is empty, unreadable, or whose first bytes are not what its name says.

    Raises:
        SourceFileError: says what the file holds instead, and what to do.
    """
    head = _head(path, packed, name)
    if not head.strip():
        raise SourceFileError(f"'{name}' is empty. Give a file with a header and at least one row.")
    extension = "".join(PurePath(name).suffixes[-2:] if packed else PurePath(name).suffixes[-1:])
    named = f"'{name}' is named {extension} but"
    if kind == "parquet":
        _check_parquet(path, head, named)
    elif kind == "arrow":
        if not head.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
            raise SourceFileError(f"{named} {_instead(head)}")
    elif _magic(head) or _other_text(head, kind):
        raise SourceFileError(f"{named} {_instead(head, kind)}")


def _head(path: Path, packed: bool, name: str) -> bytes:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
        if packed and head:
            if not head.startswith(b"\x1f\x8b"):
                raise SourceFileError(f"'{name}' is named .gz but is not packed with gzip. "
                                      "Take .gz off its name.")  # fmt: skip
            with gzip.open(path) as unpacked:
                head = unpacked.read(_HEAD)
    except (EOFError, gzip.BadGzipFile) as error:
        raise SourceFileError(f"'{name}' is cut off or damaged ({error}). Get it again.") from error
    except OSError as error:
        raise SourceFileError(f"'{name}' cannot be read: {error.strerror or error}.") from error
    return head


def _check_parquet(path: Path, head: bytes, named: str) -> None:
    if not head.startswith(b"PAR1"):
        raise SourceFileError(f"{named} {_instead(head)}")
    with path.open("rb") as file:
        file.seek(-4, os.SEEK_END)
        if file.read() != b"PAR1" or file.tell() < 12:
            raise SourceFileError(
                f"{named} its end is missing: the file is cut off. Copy or download it again."
            )


def _magic(head: bytes) -> tuple[str, str] | None:
    if head.startswith(b"PK\x03\x04") and (b"xl/" in head or b"[Content_Types]" in head):
        return "an Excel workbook", "Save the sheet as CSV UTF-8."
    return next(((what, do) for magic, what, do in _MAGIC if head.startswith(magic)), None)


def _other_text(head: bytes, kind: Kind) -> tuple[str, str] | None:
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if text[:9].lower() == b"<!doctype" or text[:5].lower() == b"<html":
        return "a web page", "Download the file itself."
    if kind == "jsonl" and text.startswith(b"["):
        return "one JSON array", "Write one JSON object a line."
    if kind == "jsonl" and text.split(b"\n")[0].strip() == b"{":
        return "JSON objects that span lines", "Write one JSON object a line."
    if kind in ("csv", "tsv") and text.startswith((b'{"', b'[{"')):
        return "JSON", "Write one JSON object a line and name it .jsonl."
    return None


def _instead(head: bytes, kind: Kind = "csv") -> str:
    what, do = _magic(head) or _other_text(head, kind) or (
        ("text", "If it is a table, name it .csv, .tsv or .jsonl.")
        if b"\0" not in head
        else ("something else", "Give the file that its name says.")
    )  # fmt: skip
    return f"holds {what}. {do}"


def utf8_lines(
    path: Path, packed: bool, encoding: str | None, name: str, progress: Progress
) -> Iterator[bytes]:
    """Yield the lines of a text file as UTF-8 with their ends, without a byte order mark.

    Raises:
        SourceFileError: bytes that the encoding does not have, or NUL characters.
        UsageError: an encoding that Python does not know.
    """
    try:
        encoding = codecs.lookup(encoding or "utf-8").name
    except LookupError:
        raise UsageError(
            f"There is no encoding '{encoding}'. Common ones: utf-8, utf-16, windows-1252, "
            "iso-8859-1, shift_jis, gb18030."
        ) from None
    size = max(path.stat().st_size, 1)
    number, line, first = 0, b"", codecs.BOM_UTF8
    try:
        with path.open("rb") as file:
            unpacked: io.BufferedReader[Any] = file
            if packed:
                unpacked = io.BufferedReader(gzip.GzipFile(fileobj=file))
            for number, line in enumerate(_lines(unpacked, encoding), 1):
                if not line.isascii():
                    line.decode()
                if b"\0" in line:
                    raise SourceFileError(_nul(name, number, path))
                if number % _LINES_A_REPORT == 0:
                    progress(min(file.tell() / size, 1.0), f"Reading {name}: line {number:,}")
                yield line.removeprefix(first)
                first = b"\0"
    except UnicodeDecodeError as error:
        if error.object != line:
            number += 1 + error.object[: error.start].count(b"\n")
        raise SourceFileError(_wrong_encoding(error, encoding, name, number, path)) from error
    except (EOFError, gzip.BadGzipFile) as error:
        raise SourceFileError(f"'{name}' is cut off or damaged ({error}). Get it again.") from error


def _lines(file: io.BufferedReader[Any], encoding: str) -> Iterator[bytes]:
    head = file.peek(_HEAD)
    ends = "\r" if b"\r" in head and b"\n" not in head else "\n"
    if encoding == "utf-8" and ends == "\n":
        yield from file
    else:
        with io.TextIOWrapper(file, encoding, newline=ends) as text:
            yield from map(str.encode, text)


def _nul(name: str, line: int, path: Path) -> str:
    guess = _bom(path)
    do = f"It looks like {guess}: add --encoding {guess}." if guess else "Is it a text file?"
    return f"'{name}' holds a NUL character in line {line:,}, which no text has. {do}"


def _wrong_encoding(
    error: UnicodeDecodeError, encoding: str, name: str, line: int, path: Path
) -> str:
    byte = error.object[error.start : error.start + 1].hex()
    guess = _bom(path) or "windows-1252"
    said = f"'{name}' is not {encoding.upper()}: byte 0x{byte} in line {line:,}."
    if encoding != "utf-8":
        return f"{said} Give another --encoding, or save it as UTF-8."
    looks = "UTF-" + guess[4:] if guess.startswith("utf") else "Windows-1252"
    return (
        f"{said}\nIt is likely {looks}: add --encoding {guess} (in the workbench: How to read it), "
        "or save it as UTF-8."
    )


def _bom(path: Path) -> str | None:
    with path.open("rb") as file:
        head = file.read(4)
    return next((encoding for bom, encoding in _BOMS if head.startswith(bom)), None)
