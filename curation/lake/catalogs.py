"""Where a lake's catalog lies, a SQLite file or a PostgreSQL database, and how it is attached."""

from __future__ import annotations

import importlib
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

import duckdb

from curation import sql
from curation.errors import WorkspaceError

Kind = Literal["sqlite", "postgres"]

METADATA = "__ducklake_metadata_lake"
"""What SQL calls the database that holds the lake's catalog."""

_FILE = "catalog.sqlite"
_SCANNERS: dict[Kind, str] = {"sqlite": "sqlite_scanner", "postgres": "postgres_scanner"}


@dataclass(frozen=True)
class Catalog:
    """A place for a catalog, whether or not there is one."""

    kind: Kind
    name: str
    """For people: the folder, or the address without its password and its options."""
    folder: Path | None
    """Of a SQLite catalog, with the data beside it."""
    address: str | None = field(default=None, repr=False)
    """Of a PostgreSQL catalog. It may hold a password, so it goes nowhere but to the server."""

    @property
    def file(self) -> Path:
        """The file of a SQLite catalog."""
        assert self.folder is not None, "only a folder has a catalog file"
        return self.folder / _FILE

    @property
    def may_be_there(self) -> bool:
        """Whether a workspace may be there; a server is only asked when it is opened."""
        return self.folder is None or self.file.exists()


def locate(where: str | Path) -> Catalog:
    """Return the catalog that a folder or an address names.

    Args:
        where: a folder, or ``postgresql://user:password@host:port/database``.

    Raises:
        WorkspaceError: it is a file or out of reach, or an address that cannot be read.
    """
    text = str(where)
    scheme = text.partition("://")[0].lower() if "://" in text else ""
    if scheme in {"postgres", "postgresql"}:
        return Catalog("postgres", _shown(text), None, text)
    if scheme:
        raise WorkspaceError(
            f"A workspace cannot lie at an address that begins with '{scheme}://'. "
            "Name a folder, or a database: postgresql://user@host/database"
        )
    folder = Path(where)
    catalog = Catalog("sqlite", str(folder), folder.resolve())
    try:
        is_file = folder.exists() and not folder.is_dir()
        catalog.file.exists()
    except OSError as error:
        raise WorkspaceError(
            f"The workspace '{folder}' cannot be reached: {error.strerror}."
        ) from error
    if is_file:
        raise WorkspaceError(f"The workspace '{folder}' is a file. Name a folder.")
    return catalog


SETTINGS: dict[str, str | bool | int | float | list[str]] = {}
"""What DuckDB is started with. As it is, the signature of each extension is verified."""


def connect(catalog: Catalog) -> duckdb.DuckDBPyConnection:
    """Return a connection that is ready to attach the catalog.

    Raises:
        WorkspaceError: what PostgreSQL needs is not installed.
    """
    connection = duckdb.connect(config=SETTINGS)
    # A timestamp without a zone is UTC everywhere in the lake.
    connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
    load_extensions(connection, catalog.kind)
    # As shipped, DuckLake waits 0.1 s and each time half as long again, so that of several writers
    # one may wait for many seconds.
    connection.execute(
        "SET ducklake_retry_wait_ms = 10; SET ducklake_retry_backoff = 1.2; "
        "SET ducklake_max_retry_count = 20"
    )
    return connection


def attach(
    connection: duckdb.DuckDBPyConnection,
    catalog: Catalog,
    *,
    data: str | None = None,
    schema: str | None = None,
    create: bool = False,
) -> None:
    """Attach the lake as ``lake``.

    Args:
        connection: from `connect`.
        catalog: which.
        data: where the data files are, for a PostgreSQL catalog that is made.
        schema: of the PostgreSQL database, instead of its usual one.
        create: make a PostgreSQL catalog if it is not there; a SQLite file always gets one, since
            whoever made it may have died before.

    Raises:
        duckdb.Error: there is none, or it cannot be reached.
    """
    options = []
    if catalog.folder is not None:
        data, create = str(catalog.folder / "data"), True
        # The catalog keeps the path of the data; the folder may have been moved since.
        options += ["OVERRIDE_DATA_PATH true", "META_JOURNAL_MODE 'WAL'"]
        target = f"ducklake:sqlite:{catalog.file}"
    else:
        options.append(f"META_SECRET {_secret(connection, catalog)}")
        target = "ducklake:postgres:"
    options.append(f"CREATE_IF_NOT_EXISTS {sql.literal(create)}")
    if data is not None and create:
        options.append(f"DATA_PATH {sql.literal(data)}")
    if schema is not None:
        options.append(f"METADATA_SCHEMA {sql.literal(schema)}")
    connection.execute(f"ATTACH {sql.literal(target)} AS lake ({', '.join(options)})")


def exists(catalog: Catalog) -> bool:
    """Say whether there is a lake, without making one.

    Raises:
        WorkspaceError: its server cannot be reached.
    """
    if catalog.folder is not None:
        return catalog.may_be_there
    with connect(catalog) as connection:
        try:
            attach_tables(connection, catalog, "tables", read_only=True)
            row = connection.execute(
                "SELECT count(*) FROM duckdb_tables() WHERE database_name = 'tables' "
                "AND schema_name = 'public' AND table_name = 'ducklake_metadata'"
            ).fetchone()
        except duckdb.Error as error:
            raise WorkspaceError(
                f"The workspace '{catalog.name}' cannot be reached: {error}"
            ) from error
    return row == (1,)


def attach_tables(
    connection: duckdb.DuckDBPyConnection, catalog: Catalog, name: str, *, read_only: bool
) -> None:
    """Attach the catalog's own tables as an ordinary database of that name."""
    mode = ", READ_ONLY" if read_only else ""
    if catalog.folder is not None:
        file = sql.literal(str(catalog.file))
        connection.execute(f"ATTACH {file} AS {sql.identifier(name)} (TYPE sqlite{mode})")
        return
    secret = _secret(connection, catalog)
    connection.execute(
        f"ATTACH '' AS {sql.identifier(name)} (TYPE postgres, SECRET {secret}{mode})"
    )


def data_path(connection: duckdb.DuckDBPyConnection, catalog: Catalog) -> str:
    """Return the folder or address of the attached lake's data files, with a slash at its end."""
    if catalog.folder is not None:
        return f"{catalog.folder / 'data'}/"
    row = connection.execute(
        f"SELECT value FROM {METADATA}.ducklake_metadata WHERE key = 'data_path'"
    ).fetchone()
    assert row is not None, "DuckLake writes it when it makes a catalog"
    return str(row[0])


def local_folder(catalog: Catalog, data: str) -> Path:
    """Return the folder on this machine for what lies beside the data: refused rows and hashes."""
    if catalog.folder is not None:
        return catalog.folder
    if "://" in data or not Path(data).parent.is_dir():
        folder = Path(tempfile.gettempdir()) / "curation"
        folder.mkdir(exist_ok=True)
        return folder
    return Path(data).parent


def load_extensions(connection: duckdb.DuckDBPyConnection, kind: Kind = "sqlite") -> None:
    """Load the extensions from the files in their Python packages, else let DuckDB fetch them.

    Raises:
        WorkspaceError: the PostgreSQL extension's package is not installed.
    """
    for name in (_SCANNERS[kind], "ducklake"):
        try:
            package = importlib.import_module(f"duckdb_extension_{name}")
        except ModuleNotFoundError as error:
            if kind == "postgres" and name == _SCANNERS[kind]:
                raise WorkspaceError(
                    "A workspace in PostgreSQL needs an extra: pip install 'curation[postgres]'"
                ) from error
            connection.execute(f"INSTALL {name}; LOAD {name}")
            continue
        folder = Path(str(package.__file__)).parent
        file = next(folder.glob(f"extensions/*/{name}.duckdb_extension"))
        connection.execute(f"LOAD {sql.literal(str(file))}")


def _secret(connection: duckdb.DuckDBPyConnection, catalog: Catalog) -> str:
    """Give DuckDB the address as a secret, which it shows nobody, unlike the path of an ATTACH."""
    # One connection may hold two catalogs, when one is copied into the other.
    name = f"curation_{abs(hash(catalog.address)):x}"
    connection.execute(
        f"CREATE OR REPLACE SECRET {name} (TYPE postgres, URI {sql.literal(catalog.address)})"
    )
    return name


def _shown(address: str) -> str:
    """Return an address without its password.

    Raises:
        WorkspaceError: it cannot be read. The server's library would say so with the password.
    """
    try:
        parts = urlsplit(address)
        port = parts.port
        host = parts.hostname or dict(parse_qsl(parts.query)).get("host", "")
    except ValueError:
        parts, port, host = urlsplit(""), None, ""
    if not parts.path.strip("/") or parts.fragment:
        raise WorkspaceError(
            "The address of the workspace cannot be read. Write it as "
            "postgresql://user@host:5432/database, with special characters as percent codes "
            "(%40 for @), or leave the password to $PGPASSWORD or ~/.pgpass."
        )
    user = f"{unquote(parts.username)}@" if parts.username else ""
    where = f"{host}:{port}" if port else host
    return f"postgresql://{user}{where}{parts.path}"
