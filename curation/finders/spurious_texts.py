"""What properties, marks and words of texts tell of the label, and where they turn it round."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.finders.base import ROWS, finding_rows
from curation.finders.column_power import (
    LabelledSample,
    binned,
    code_power,
    column_power,
    labelled_sample,
)
from curation.finders.columns import class_mix, coded, percent, short, subject
from curation.finders.text_properties import MARKS, MEASURES, first_words, marked, measure
from curation.finders.word_evidence import (
    Agreement,
    NaiveBayes,
    Words,
    agreement,
    count_words,
    crossed,
    word_gains,
)
from curation.learn.arrays import Codes, Flags, Vector
from curation.learn.shared import Shared
from curation.learn.text import joined_text
from curation.progress import Progress

MAX_TEXTS = 20_000
MAX_REVIEWED = 200_000
_CHARACTERS = 2_000
_LEAST_SHARE = 0.01
_LEAST_ROWS = 50
_LEARNABLE = 0.3
_CHANCE = 1e-6
_MAX_NAMED = 20


@dataclass(frozen=True)
class TextLimits:
    """From where on something is an issue; see `SpuriousCorrelation`."""

    gain: float
    word_gain: float
    lift: float
    deviations: float


@dataclass
class TextSlices:
    """What was found: subjects, rows (`ROWS`) of texts with odd labels, and notes."""

    subjects: list[dict[str, Any]] = field(default_factory=list)
    rows: pa.Table = field(default_factory=ROWS.empty_table)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Texts:
    sample: LabelledSample
    texts: pa.Array
    words: Words | None

    @property
    def codes(self) -> Codes:
        return self.sample.codes

    @property
    def size(self) -> int:
        return len(self.sample.classes)


def text_slices(shared: Shared, limits: TextLimits, progress: Progress) -> TextSlices:
    """Return what texts tell beside their content.

    Args:
        shared: data with a label and at least one text column.
        limits: from where on something is an issue.
        progress: told how far it is.
    """
    found = TextSlices()
    sample = labelled_sample(shared, most=MAX_TEXTS)
    if isinstance(sample, str):
        return found
    found.notes += [note for note in sample.notes if sample.left_out]
    columns = shared.roles.having("text")
    texts = _cut(joined_text(sample.take(shared.table.select(columns)).columns))
    progress(0.1, "counting words")
    read = _Texts(sample, texts, count_words(texts.to_pylist(), len(sample.classes)))
    progress(0.4, "measuring texts")
    found.subjects += _measured(read, limits) + _words(read, limits)
    odd: dict[str, Flags] = {}
    for place, mark in enumerate(MARKS):
        progress(0.6 + 0.3 * place / len(MARKS), f"looking at texts with {mark}")
        flags = marked(texts, mark)
        if not _both_sides(flags):
            continue
        mixed, turned = _lifted(read, mark, flags, limits), _turned(read, mark, flags)
        found.subjects += [one for one in (mixed, turned) if one]
        if turned:
            odd[mark] = flags
    if odd:
        progress(0.95, "reading the texts with odd labels")
        found.rows = _odd_rows(shared, read, odd)
    return found


def _cut(texts: pa.ChunkedArray) -> pa.Array:
    cut = pc.utf8_slice_codeunits(texts, 0, _CHARACTERS)
    return pa.concat_arrays(cut.chunks) if cut.num_chunks else pa.array([], pa.large_string())


def _both_sides(flags: Flags) -> bool:
    """Say whether enough texts have the mark, and enough have not."""
    least = max(_LEAST_ROWS, _LEAST_SHARE * len(flags))
    count = int(flags.sum())
    return least <= count <= len(flags) - least


def _measured(read: _Texts, limits: TextLimits) -> list[dict[str, Any]]:
    """Return what length, case and signs tell."""
    subjects = []
    for wanted in MEASURES:
        values = measure(read.texts, wanted)
        power = code_power(read.sample, binned(values))
        tells = power.gain >= limits.gain and power.deviations >= limits.deviations
        line = None
        if tells:
            name, inside, outside = _extreme(values, read)
            line = (
                f"The {wanted.words} alone guesses the label right in {percent(power.right)} of "
                f"the texts, against {percent(power.usual)} without it: class '{name}' has "
                f"{wanted.write(inside)} in the median, the others {wanted.write(outside)}."
            )
        subjects.append(subject("dataset", wanted.words, 1 - power.gain, tells, len(values), line))
    return subjects


def _extreme(values: Vector, read: _Texts) -> tuple[str, float, float]:
    """Return the class whose texts rank farthest from the others', its median and theirs."""
    rank = np.searchsorted(np.sort(values), values).astype(np.float64)
    sizes = np.bincount(read.codes, minlength=read.size)
    mean = np.bincount(read.codes, weights=rank, minlength=read.size) / np.maximum(sizes, 1)
    worst = int(np.argmax(np.abs(mean - rank.mean()) * np.sqrt(sizes)))
    inside = read.codes == worst
    name = short(read.sample.classes[worst])
    return name, float(np.median(values[inside])), float(np.median(values[~inside]))


def _words(read: _Texts, limits: TextLimits) -> list[dict[str, Any]]:
    """Return the words, and the first words, that nearly tell the label alone."""
    subjects = []
    first = first_words(read.texts)
    power = column_power(read.sample, first)
    tells = power.gain >= limits.word_gain and power.deviations >= limits.deviations
    line = None
    if tells:
        values = coded(first)
        common = int(np.argmax(values.counts()))
        _, _, name, inside, outside = class_mix(
            read.codes, values.codes == common, read.sample.classes
        )
        line = (
            f"The first word of a text alone guesses the label right in {percent(power.right)} of "
            f"the texts, against {percent(power.usual)} without it; with "
            f"'{short(values.words[common].as_py())}', {percent(inside)} are '{short(name)}', of "
            f"the others {percent(outside)}."
        )
    subjects.append(subject("dataset", "first word", 1 - power.gain, tells, len(first), line))
    if read.words is None:
        return subjects
    gains, deviations = word_gains(read.words, read.codes, read.size, read.sample.first)
    named = np.flatnonzero((gains >= limits.word_gain) & (deviations >= limits.deviations))
    for word in named[np.argsort(-gains[named], kind="stable")][:_MAX_NAMED].tolist():
        flags = np.zeros(len(read.codes), dtype=np.bool_)
        flags[read.words.matrix[:, [word]].nonzero()[0]] = True
        _, _, name, inside, outside = class_mix(read.codes, flags, read.sample.classes)
        line = (
            f"'{read.words.names[word]}' is in {percent(flags.mean())} of the texts; "
            f"{percent(inside)} of them are '{short(name)}', of the others {percent(outside)}."
        )
        title = f"texts with '{read.words.names[word]}'"
        subjects.append(subject("slice", title, 1 - gains[word], True, int(flags.sum()), line))
    return subjects


def _lifted(read: _Texts, mark: str, flags: Flags, limits: TextLimits) -> dict[str, Any] | None:
    """Return the subject of a mark whose texts have another class mix, in both halves."""
    half = read.sample.first
    sides = [
        class_mix(read.codes[among], flags[among], read.sample.classes) for among in (half, ~half)
    ]
    distance, chance, name, inside, outside = class_mix(read.codes, flags, read.sample.classes)
    least = min(side[0] for side in sides)
    same = all(side[2] == name for side in sides)
    if least < limits.lift or not same or chance > _CHANCE:
        return None
    line = (
        f"Of the texts with {mark}, {percent(inside)} are '{short(name)}'; of the others "
        f"{percent(outside)}."
    )
    return subject("slice", f"texts with {mark}", 1 - distance, True, int(flags.sum()), line)


def _turned(read: _Texts, mark: str, flags: Flags) -> dict[str, Any] | None:
    """Return the subject of a mark whose texts have labels that their words speak against."""
    if read.words is None:
        return None
    elsewhere = crossed(read.words, read.codes, read.size, read.sample.first, ~flags)
    if elsewhere.kappa < _LEARNABLE:
        return None
    taught = NaiveBayes.fit(read.words.matrix[~flags], read.codes[~flags], read.size)
    here = agreement(taught.guess(read.words.matrix[flags]), read.codes[flags], read.size)
    if here.kappa < min(-0.1, -4 * here.error):
        said = "their labels seem to be turned round"
    elif _random(here, elsewhere):
        among = crossed(read.words, read.codes, read.size, read.sample.first, flags)
        if not _random(among, elsewhere):
            return None  # learned from each other they make sense: another kind of text, no noise
        said = "their labels seem to be given at random"
    else:
        return None
    line = (
        f"In texts with {mark} {said}: a model of the words of the other texts agrees with "
        f"{percent(here.right)} of their labels, and with {percent(elsewhere.right)} elsewhere."
    )
    score = max(here.kappa, 0.0) / max(elsewhere.kappa, _LEARNABLE)
    return subject("slice", f"texts with {mark}", score, True, int(flags.sum()), line)


def _random(here: Agreement, elsewhere: Agreement) -> bool:
    return here.kappa + 3 * here.error < 0.4 * elsewhere.kappa


def _odd_rows(shared: Shared, read: _Texts, odd: dict[str, Flags]) -> pa.Table:
    """Return all labelled rows with one of the marks, judged by a model of the texts without."""
    assert read.words is not None
    codes = _all_codes(shared, read)
    texts = _cut(joined_text([shared.table.column(name) for name in shared.roles.having("text")]))
    which = {mark: marked(texts, mark) & (codes >= 0) for mark in odd}
    places = np.flatnonzero(np.logical_or.reduce(list(which.values())))[:MAX_REVIEWED]
    clean = ~np.logical_or.reduce(list(odd.values()))
    taught = NaiveBayes.fit(read.words.matrix[clean], read.codes[clean], read.size)
    matrix = read.words.vectorizer.transform(texts.take(pa.array(places)).to_pylist())
    probabilities = taught.probabilities(matrix)
    guess, given = np.argmax(probabilities, axis=1), codes[places]
    differs = guess != given
    names = pa.array(read.sample.classes, pa.string())
    suggestion = pc.if_else(pa.array(differs), names.take(pa.array(guess)), None)
    mark_of = np.zeros(len(places), dtype=np.int64)
    for number, mark in enumerate(which):
        mark_of[which[mark][places]] = number
    lines = pa.array([f"has {mark}, and its words speak for another class" for mark in which])
    return finding_rows(
        shared,
        probabilities[np.arange(len(places)), given],
        differs,
        rows=places,
        suggestion=suggestion,
        explanation=lines.take(pa.array(mark_of, mask=~differs)),
    )


def _all_codes(shared: Shared, read: _Texts) -> Codes:
    """Return each row's place in the sample's classes: shape (n,), -1 without a label."""
    classes = pa.array(read.sample.classes, shared.given_labels.type)
    found = pc.index_in(shared.given_labels, value_set=classes)
    return np.asarray(pc.fill_null(found, -1).to_numpy(), dtype=np.int64)
