"""`find` and `finders`: what looks wrong in a file or a dataset."""

from __future__ import annotations

import inspect
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import duckdb
import typer

from curation.cli import options
from curation.cli.output import progress_bar, say, say_json, say_table, warn
from curation.errors import DataError, UsageError
from curation.lake import source_files
from curation.lake.catalogs import locate
from curation.lake.datasets import get_dataset, list_datasets, table_sql
from curation.lake.file_kinds import kind_of
from curation.lake.findings import FindingSummary, finding_subjects, finding_table
from curation.lake.imports import MAX_REFUSED
from curation.lake.profile import profile_table
from curation.lake.roles import Role, Roles, detect_roles
from curation.lake.target_files import write_rows
from curation.lake.workspace import Workspace
from curation.progress import Progress, part

if TYPE_CHECKING:
    import pyarrow as pa

    from curation.finders.base import Finder, Summary
    from curation.learn.shared import Settings


_SHOWN = 5
ALL = "all"


class Preset(StrEnum):
    """How much work the model may be."""

    fast = "fast"
    accurate = "accurate"
    custom = "custom"


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(find)
    app.command("finders")(list_finders)


def find(
    context: typer.Context,
    source: Annotated[
        str, typer.Argument(metavar="FILE|NAME", help="A file, or a dataset's name.")
    ],
    finder: Annotated[
        str,
        typer.Option(metavar="NAME", help="What to look for: see `curation finders`. Or all."),
    ] = "label",
    parameters: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="P=V", help="A parameter of the finder. May be repeated."),
    ] = None,
    label: options.Label = None,
    text: options.Texts = None,
    feature: options.Features = None,
    group: options.Groups = None,
    key: options.Keys = None,
    ignore: options.Ignored = None,
    pred_probs_prefix: Annotated[
        str | None,
        typer.Option(
            metavar="PREFIX",
            help="Columns PREFIX+class hold out-of-sample probabilities; use them, fit no model.",
        ),
    ] = None,
    preset: Annotated[Preset, typer.Option(help="How much work the model may be.")] = Preset.fast,
    learner: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A model of --preset custom, or an estimator's import path. May be repeated.",
        ),
    ] = None,
    learner_set: Annotated[
        list[str] | None,
        typer.Option(metavar="P=V", help="A parameter of such an estimator. May be repeated."),
    ] = None,
    seed: options.Seed = 0,
    encoding: options.Encoding = None,
    max_refused: options.MaxRefused = MAX_REFUSED,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where the scored rows go, e.g. found.parquet."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Score every row for one kind of issue, likely label errors without --finder, and flag some.

    What is found in a dataset is kept for the browser, unless columns are named here.

    \b
    The output has one row for every row that was scored, in the order of the input:
      record_key, row (0-based, without refused rows), given_label,
      score (0 to 1, 1 = clean), is_issue, suggestion, given_label_probability,
      group (rows that belong together), explanation (of the flagged rows)
    """
    from curation.learn.shared import Settings  # after quick errors: slow to import

    started = time.perf_counter()
    named = options.given_roles(
        label=label, text=text, feature=feature, group=group, key=key, ignore=ignore
    )
    if output is not None:
        options.check_targets({"the source": Path(source)}, {"--output": output})
        kind_of(output.name)
    settings = Settings(
        preset=preset.value, seed=seed, pred_probs_prefix=pred_probs_prefix,
        learners=tuple(learner or ()),
        learner_parameters={k: _value(v) for k, v in _pairs(learner_set, "--learner-set").items()},
    )  # fmt: skip
    wanted = _wanted(finder, parameters or [], output)
    with progress_bar() as progress:
        if not named and not _is_file(context, source):
            found = _in_dataset(context, source, wanted, settings, progress)
        else:
            table, roles = _read(context, source, encoding, max_refused)
            roles = _named(roles, named, exclusive=bool(text or feature))
            found = _in_table(table, roles, wanted, settings, part(progress, 0.1, 1.0))
    seconds = time.perf_counter() - started
    if finder == ALL:
        _say_all(found, as_json)
        return
    if output is not None and found[0].rows is not None:
        write_rows(found[0].rows.to_reader(), output)
    _say_one(found[0], seconds, output, as_json)


def list_finders(
    name: Annotated[str | None, typer.Argument(help="Show this one's parameters.")] = None,
    as_json: options.Json = False,
) -> None:
    """List the kinds of issues that can be looked for; with a name, its parameters."""
    from curation.finders.registry import finder_named, finders

    wanted = [type(finder_named(name))] if name is not None else list(finders().values())
    if as_json:
        say_json([_about(kind) for kind in wanted])
    elif name is None:
        say_table(
            ("finder", "finds"),
            [(kind.name, (inspect.getdoc(kind) or "").partition("\n")[0]) for kind in wanted],
        )
    else:
        _say_finder(wanted[0])


@dataclass(frozen=True)
class _Found:
    """What a finder found, from a file or from the lake; or why it could not look."""

    finder: str
    reason: str = ""
    rows: pa.Table | None = None
    subjects: pa.Table | None = None
    figures: dict[str, Any] = field(default_factory=dict)
    roles: Roles = field(default_factory=Roles)

    @property
    def said(self) -> list[str]:
        """What the finder says beside its figures."""
        learner = self.figures["learner"]
        return [
            *([f"Model: {learner}"] if learner else []),
            *(f"Note: {note}" for note in self.figures["notes"]),
        ]


def _wanted(name: str, parameters: list[str], output: Path | None) -> list[Finder]:
    """Return the finder of a name with its parameters, or all of them."""
    from curation.finders.registry import finder_named, finders

    if name == ALL:
        if parameters or output is not None:
            raise UsageError("--finder all takes no --set and no --output. Name one finder.")
        return [kind() for kind in finders().values()]
    return [finder_named(name, _pairs(parameters, "--set"))]


def _pairs(given: list[str] | None, option: str) -> dict[str, str]:
    values = {}
    for each in given or []:
        key, equals, value = each.partition("=")
        if not equals:
            raise UsageError(f"{option} takes NAME=VALUE; got '{each}'.")
        values[key.strip()] = value
    return values


def _value(text: str) -> Any:
    """Return a number, true, false or null as JSON has it, else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _in_dataset(
    context: typer.Context, name: str, wanted: list[Finder], settings: Settings, progress: Progress
) -> list[_Found]:
    """Look in a dataset, and keep what is found in the lake."""
    from curation.finders.stored import DatasetSearch

    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        roles = get_dataset(workspace, name).roles
        looking = DatasetSearch(workspace, name, settings)

        def find_one(finder: Finder, progress: Progress) -> _Found:
            found = looking.find(finder, progress)
            return _Found(
                finder.name, "", finding_table(workspace, found),
                finding_subjects(workspace, found.finding_id),
                _figures(found, len(found.classes), found.learner, found.notes, found.info), roles,
            )  # fmt: skip

        return _each(wanted, looking.lacks, find_one, progress)


def _in_table(
    table: pa.Table, roles: Roles, wanted: list[Finder], settings: Settings, progress: Progress
) -> list[_Found]:
    from curation.finders.search import search
    from curation.learn.shared import Shared

    shared = Shared(table, roles, settings)

    def find_one(finder: Finder, progress: Progress) -> _Found:
        found = search(shared, finder, progress)
        figures = _figures(
            found.summary, found.summary.classes, found.learner, found.notes, found.info
        )
        return _Found(finder.name, "", found.rows, found.subjects, figures, roles)

    return _each(wanted, lambda finder: finder.lacks(shared), find_one, progress)


def _each(
    wanted: list[Finder],
    lacks: Callable[[Finder], str],
    find_one: Callable[[Finder, Progress], _Found],
    progress: Progress,
) -> list[_Found]:
    """Look for one kind after the other; of many, those that data are not fit for say why."""
    if len(wanted) == 1:
        return [find_one(wanted[0], progress)]
    found = []
    for number, finder in enumerate(wanted):
        share = part(progress, number / len(wanted), (number + 1) / len(wanted))
        reason = lacks(finder)
        try:
            found.append(_Found(finder.name, reason) if reason else find_one(finder, share))
        except (UsageError, DataError) as error:
            found.append(_Found(finder.name, str(error)))
    return found


def _figures(
    summary: Summary | FindingSummary,
    classes: int,
    learner: str,
    notes: list[str],
    info: Mapping[str, Any],
) -> dict[str, Any]:
    estimated, labelled = summary.estimated_errors, info.get("labelled", summary.rows)
    return {
        "rows": summary.rows,
        "flagged": summary.flagged,
        "subjects_flagged": summary.subjects_flagged,
        "classes": classes,
        "estimated_errors": estimated,
        "estimated_error_rate": None if estimated is None else estimated / max(labelled, 1),
        "learner": learner,
        "notes": notes,
    }


def _is_file(context: typer.Context, source: str) -> bool:
    """Say whether a file is meant; a dataset's name may have a dot, or be that of a folder here."""
    path, workspace_path = Path(source), options.workspace_path(context)
    if path.is_file() or not locate(workspace_path).may_be_there:
        return path.is_file() or path.suffix != "" or path.is_dir()
    with Workspace.open(workspace_path, create=False) as workspace:
        is_dataset = source in [dataset.name for dataset in list_datasets(workspace)]
    return not is_dataset and (path.suffix != "" or path.is_dir())


def _read_file(path: Path, encoding: str | None, max_refused: float) -> tuple[pa.Table, Roles]:
    """Return the rows of a file in its order, and the roles that they seem to have."""
    with duckdb.connect() as connection:
        staged = source_files.stage_file(
            connection, path, encoding=encoding, max_refused=max_refused
        )
        table = connection.execute(f"SELECT * FROM {staged.table} ORDER BY rowid").to_arrow_table()
    for note in staged.notes:
        warn(f"Note: {note}")
    if staged.refused_count:
        warn(f"Note: {staged.refused_count:,} rows were refused and are not ranked.")
    return table, detect_roles(profile_table(table))


def _read_dataset(context: typer.Context, name: str) -> tuple[pa.Table, Roles]:
    """Return the rows and roles of a dataset in the workspace."""
    with Workspace.open(options.workspace_path(context), create=False) as workspace:
        dataset = get_dataset(workspace, name)
        with workspace.cursor() as cursor:
            table = cursor.execute(
                f"SELECT * FROM {table_sql(name, dataset.snapshot)} ORDER BY rowid"
            ).to_arrow_table()
    return table, dataset.roles


def _read(
    context: typer.Context, source: str, encoding: str | None, max_refused: float
) -> tuple[pa.Table, Roles]:
    if _is_file(context, source):
        return _read_file(Path(source), encoding, max_refused)
    return _read_dataset(context, source)


def _named(roles: Roles, given: dict[str, Role], *, exclusive: bool) -> Roles:
    """Return the roles with those that were named."""
    roles = roles.with_named(given)
    if exclusive:
        # Who names the columns to learn from means these and no others.
        others = [
            c for c in roles.having("text", "feature", "embedding", "image") if c not in given
        ]
        roles = roles.with_roles(dict.fromkeys(others, "ignore"))
    return roles


def _say_one(found: _Found, seconds: float, output: Path | None, as_json: bool) -> None:
    figures = found.figures
    assert found.rows is not None
    assert found.subjects is not None
    if as_json:
        say_json(
            {
                "finder": found.finder, **figures, "seconds": round(seconds, 3),
                "subjects": found.subjects.to_pylist(), "roles": found.roles.columns,
                "output": str(output) if output else None,
            }
        )  # fmt: skip
        return
    say(f"Roles: {options.said_roles(found.roles.columns)}")
    for line in found.said:
        say(line)
    rough = figures["estimated_errors"]
    estimate = (
        "" if rough is None else " The model's own, rough estimate of all errors: "
        f"{rough:,} ({figures['estimated_error_rate']:.1%})."
    )  # fmt: skip
    of = f", {figures['classes']:,} classes" if figures["classes"] else ""
    say(
        f"{figures['flagged']:,} of {figures['rows']:,} rows flagged{of}, in {seconds:.1f} s."
        + estimate
    )
    _say_subjects(found.subjects)
    _say_worst(found)
    if output is not None:
        say(f"Every row's score: {output}")


def _say_subjects(subjects: pa.Table) -> None:
    flagged = [one for one in subjects.to_pylist() if one["is_issue"]]
    for one in flagged[: 2 * _SHOWN]:
        say(f"- {one['kind']} {one['subject']}: {one['explanation']}")
    if len(flagged) > 2 * _SHOWN:
        say(f"- and {len(flagged) - 2 * _SHOWN:,} more (--json lists them)")


def _say_worst(found: _Found) -> None:
    assert found.rows is not None
    rows = found.rows.filter(found.rows["is_issue"]) if found.finder != "label" else found.rows
    worst = rows.sort_by("score").slice(0, _SHOWN).to_pylist()
    if not worst:
        return
    if found.finder == "label":
        say("Least likely labels:")
        say_table(
            ("record", "given", "suggested", "score"),
            [(r["record_key"], r["given_label"], r["suggestion"], f"{r['score']:.3f}")
             for r in worst],
        )  # fmt: skip
    else:
        say("Lowest scores:")
        say_table(
            ("record", "score", "why"),
            [(r["record_key"], f"{r['score']:.3f}", r["explanation"] or "") for r in worst],
        )


def _say_all(found: list[_Found], as_json: bool) -> None:
    if as_json:
        say_json(
            [
                {"finder": one.finder, "reason": one.reason, **one.figures,
                 "subjects": [] if one.subjects is None else one.subjects.to_pylist()}
                for one in found
            ]
        )  # fmt: skip
        return
    say_table(
        ("finder", "rows flagged", "others flagged", "what it says"),
        [
            (
                one.finder,
                "" if one.reason else one.figures["flagged"],
                "" if one.reason else one.figures["subjects_flagged"],
                one.reason or _first_said(one),
            )
            for one in found
        ],
    )


def _first_said(found: _Found) -> str:
    """Return the worst that a finder has to say, in one line."""
    for table in (found.subjects, found.rows):
        if table is not None and table.num_rows:
            flagged = table.filter(table["is_issue"]).sort_by("score").slice(0, 1).to_pylist()
            if flagged:
                return str(flagged[0]["explanation"] or "")
    return "nothing"


def _about(kind: type[Finder]) -> dict[str, Any]:
    return {
        "finder": kind.name, "title": kind.title, "help": inspect.getdoc(kind),
        "scores": kind.scores, "advice": kind.advice, "parameters": kind.model_json_schema(),
    }  # fmt: skip


def _say_finder(kind: type[Finder]) -> None:
    say(f"{kind.name}: {kind.title}\n\n{inspect.getdoc(kind)}\n")
    say(f"Score: {kind.scores}\nWhat to do: {kind.advice}")
    rows = [
        (name, field.get("default"), field.get("description", ""))
        for name, field in kind.model_json_schema()["properties"].items()
    ]
    if rows:
        say("\nParameters (--set NAME=VALUE):")
        say_table(("parameter", "default", "meaning"), rows)
