"""The consensus of several annotators, their quality, and which record to label next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.errors import CurationError, DataError, LabelError, UnknownNameError, UsageError
from curation.finders.agreement import krippendorff_alpha
from curation.finders.annotators import ANNOTATORS, ROWS, Consensus, majority
from curation.finders.crowd import NEXT, crowdlab, label_next
from curation.finders.dawid_skene import dawid_skene, fit
from curation.finders.votes import read_votes

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "music_genre_crowd"
needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason="the real sets of ../shared/data are not here"
)

Vote = tuple[str, str, str]
CLASSES = ["bird", "cat", "dog"]


def table(votes: list[Vote]) -> pa.Table:
    columns = list(zip(*votes, strict=True)) or [(), (), ()]
    names = ("record_key", "annotator", "label")
    return pa.table(
        {name: pa.array(c, pa.string()) for name, c in zip(names, columns, strict=True)}
    )


def grid(**by_annotator: str) -> pa.Table:
    """Votes as a text for each annotator, a letter for each record; a dot is no vote."""
    return table(
        [
            (f"{place:02}", who, letter)
            for who, letters in by_annotator.items()
            for place, letter in enumerate(letters)
            if letter != "."
        ]
    )


def keys(votes: pa.Table) -> list[str]:
    return sorted(set(votes["record_key"].to_pylist()))


def flat(records: int, classes: int) -> np.ndarray[Any, Any]:
    return np.full((records, classes), 1 / classes)


def drawn(records: int, classes: int, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).dirichlet(np.ones(classes), size=records)


def by_crowdlab(votes: pa.Table) -> Consensus:
    classes = sorted({*CLASSES, *votes["label"].to_pylist()})
    return crowdlab(votes, drawn(len(keys(votes)), len(classes)), keys(votes), classes)


POLICIES: list[Callable[[pa.Table], Consensus]] = [majority, dawid_skene, by_crowdlab]
every_policy = pytest.mark.parametrize("policy", POLICIES)


def labels(consensus: Consensus) -> dict[str, str | None]:
    rows = consensus.rows
    return dict(zip(rows["record_key"].to_pylist(), rows["label"].to_pylist(), strict=True))


def of(consensus: Consensus, annotator: str) -> dict[str, Any]:
    [row] = [row for row in consensus.annotators.to_pylist() if row["annotator"] == annotator]
    return row


@pytest.fixture(autouse=True)
def nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    yield
    assert capsys.readouterr().out == ""


@st.composite
def any_votes(draw: st.DrawFn) -> list[Vote]:
    names = st.sampled_from
    pairs = draw(
        st.lists(
            st.tuples(names([f"r{i}" for i in range(6)]), names(["ann", "bob", "cem", "dua"])),
            min_size=1,
            unique=True,
        )
    )
    return [(record, who, draw(names(CLASSES))) for record, who in pairs]


@every_policy
@settings(deadline=None)
@given(any_votes(), st.randoms())
def test_the_order_of_rows_does_not_matter(policy: Any, votes: list[Vote], random: Any) -> None:
    shuffled = random.sample(votes, len(votes))
    one, other = policy(table(votes)), policy(table(shuffled))
    assert one.rows.equals(other.rows)
    assert one.annotators.equals(other.annotators)


@every_policy
@settings(deadline=None)
@given(any_votes())
def test_a_consensus_is_what_somebody_said_and_a_unanimous_one_is_what_all_said(
    policy: Any, votes: list[Vote]
) -> None:
    said: dict[str, set[str]] = {}
    for record, _, label in votes:
        said.setdefault(record, set()).add(label)
    consensus = policy(table(votes))
    assert consensus.rows.schema == ROWS
    assert consensus.annotators.schema == ANNOTATORS
    for row in consensus.rows.to_pylist():
        heard = said[row["record_key"]]
        assert row["label"] in heard | ({None} if len(heard) > 1 else set())
        assert 0 <= row["quality"] <= 1
        assert 0 < row["agreement"] <= 1
        assert not (row["is_disputed"] and len(heard) == 1)
        assert row["is_disputed"] or row["label"] is not None
    for row in consensus.annotators.to_pylist():
        assert all(row[c] is None or 0 <= row[c] <= 1 for c in ("quality", "agreement"))


def test_crowdlabs_dispute_is_among_the_classes_voted_for() -> None:
    votes, truth, *_ = planted(200)
    names = keys(votes)
    probabilities = 0.3 * np.eye(3)[truth] + 0.7 / 3
    unsure = np.concatenate([0.2 * probabilities, np.full((len(truth), 20), 0.04)], axis=1)
    more_classes = [*CLASSES, *(f"other {place}" for place in range(20))]
    split = [agreement < 1 for agreement in majority(votes).rows["agreement"].to_pylist()]
    disputed = {
        sure: crowdlab(votes, probabilities, names, CLASSES, sure=sure).rows["is_disputed"]
        for sure in (0.0, 0.6, 1.0)
    }
    assert disputed[0.0].to_pylist() == [False] * len(names)
    assert disputed[1.0].to_pylist() == split
    some = sum(disputed[0.6].to_pylist())
    assert 0 < some < 0.5 * sum(split)
    rows = crowdlab(votes, unsure, names, more_classes).rows
    # A model that is unsure among classes that nobody voted for makes few records disputed.
    assert sum(rows["is_disputed"].to_pylist()) < some + 0.2 * sum(split)


def test_half_of_the_votes_is_no_majority() -> None:
    # 0.5 and six sixths are not exact in binary.
    votes = grid(a="a", b="a", c="a", d="b", e="c", f="d")
    assert majority(votes).rows.select(["label", "is_disputed"]).to_pylist() == [
        {"label": "a", "is_disputed": True}
    ]


@every_policy
@settings(deadline=None)
@given(any_votes())
def test_who_always_agrees_with_the_consensus_flips_no_unanimous_record(
    policy: Any, votes: list[Vote]
) -> None:
    before = policy(table(votes))
    settled = {
        row["record_key"]: row["label"]
        for row in before.rows.to_pylist()
        if row["agreement"] == 1.0
    }
    echo = [(record, "echo", label) for record, label in labels(before).items() if label]
    after = labels(policy(table(votes + echo)))
    assert {record: after[record] for record in settled} == settled


def test_majority_counts_votes_and_leaves_a_tie_undecided() -> None:
    votes = grid(ann="aabc", bob="aabd", cem="ab.e", dua="..c.")
    rows = majority(votes).rows.to_pylist()
    assert [row["label"] for row in rows] == ["a", "a", "b", None]
    assert [row["quality"] for row in rows] == pytest.approx([1, 2 / 3, 2 / 3, 1 / 3])
    assert [row["agreement"] for row in rows] == pytest.approx([1, 2 / 3, 2 / 3, 1 / 3])
    assert [row["votes"] for row in rows] == [3, 3, 3, 3]
    assert [row["is_disputed"] for row in rows] == [False, False, False, True]


def test_a_bare_majority_is_disputed_where_the_caller_wants_more() -> None:
    votes = grid(ann="aa", bob="aa", cem="ab")
    assert majority(votes).rows["is_disputed"].to_pylist() == [False, False]
    assert majority(votes, sure=0.8).rows["is_disputed"].to_pylist() == [False, True]


def test_an_annotators_quality_under_majority_leaves_their_own_vote_out() -> None:
    consensus = majority(grid(ann="aab.", bob="aab.", cem="aba.", dua="...a"))
    # cem agrees with both others on the first record and with neither on the next two.
    assert of(consensus, "cem")["quality"] == pytest.approx(1 / 3)
    assert of(consensus, "ann")["quality"] == pytest.approx((1 + 0.5 + 0.5) / 3)
    assert of(consensus, "cem")["agreement"] == pytest.approx(1 / 3)
    assert of(consensus, "cem")["worst_class"] == "b"
    assert of(consensus, "ann")["worst_class"] is None
    alone = of(consensus, "dua")
    assert (alone["votes"], alone["quality"], alone["agreement"]) == (1, None, None)


def test_the_worst_class_is_the_one_most_often_called_another() -> None:
    consensus = majority(grid(ann="aaabbb", bob="aaabbb", cem="aabaab"))
    assert of(consensus, "cem")["worst_class"] == "b"


def planted(records: int = 3000, seed: int = 1) -> tuple[pa.Table, list[int], Any, Any]:
    """Votes of a good, a middling and a spamming annotator, and one who swaps two classes."""
    random = np.random.default_rng(seed)
    prior = np.array([0.5, 0.3, 0.2])
    good = np.full((3, 3), 0.05) + 0.85 * np.eye(3)
    middling = np.full((3, 3), 0.15) + 0.55 * np.eye(3)
    spam = np.tile([0.8, 0.1, 0.1], (3, 1))
    swaps = np.array([[0.9, 0.05, 0.05], [0.05, 0.15, 0.8], [0.05, 0.8, 0.15]])
    confusion = np.stack([good, good, middling, spam, swaps])
    truth = random.choice(3, records, p=prior)
    votes = [
        (f"{r:05}", f"w{a}", CLASSES[random.choice(3, p=confusion[a, truth[r]])])
        for r in range(records)
        for a in range(5)
        if random.random() < 0.8
    ]
    seen = {record for record, _, _ in votes}
    kept = [int(truth[r]) for r in range(records) if f"{r:05}" in seen]
    return table(votes), kept, confusion, prior


def test_dawid_skene_recovers_planted_confusion_matrices_and_beats_majority() -> None:
    votes, truth, confusion, prior = planted()
    model = fit(read_votes(votes))
    assert model.is_converged
    assert model.prior == pytest.approx(prior, abs=0.03)
    for place in range(5):
        found = model.confusion(place)
        assert found.sum(axis=1) == pytest.approx(np.ones(3))
        assert found == pytest.approx(confusion[place], abs=0.06)
        expected = float(np.diag(confusion[place]) @ prior)
        assert model.quality[place] == pytest.approx(expected, abs=0.04)
    right = np.array([CLASSES[place] for place in truth])
    by_model = np.array(dawid_skene(votes).rows["label"].to_pylist())
    by_count = np.array(majority(votes).rows["label"].to_pylist())
    assert (by_model == right).mean() > (by_count == right).mean() + 0.05
    assert of(dawid_skene(votes), "w4")["worst_class"] in ("cat", "dog")


def test_dawid_skenes_probabilities_are_calibrated_where_its_model_holds() -> None:
    votes, truth, _, _ = planted()
    rows = dawid_skene(votes).rows
    right = np.array(rows["label"].to_pylist()) == np.array([CLASSES[place] for place in truth])
    assert rows["quality"].to_numpy().mean() == pytest.approx(right.mean(), abs=0.02)


@settings(deadline=None)
@given(any_votes())
def test_the_log_posterior_never_falls(votes: list[Vote]) -> None:
    model = fit(read_votes(table(votes)), tolerance=0.0, max_iterations=60)
    assert (np.diff(model.log_posterior) > -1e-9).all()
    assert model.probabilities.sum(axis=1) == pytest.approx(np.ones(len(model.probabilities)))


def naive_dawid_skene(votes: list[Vote], classes: int, iterations: int) -> list[list[float]]:
    """The paper's two steps, vote by vote, with the same pseudo-counts."""
    read = read_votes(table(votes))
    cast = list(
        zip(read.record.tolist(), read.annotator.tolist(), read.label.tolist(), strict=True)
    )
    n, m = len(read.records), len(read.annotators)
    belief = [[0.0] * classes for _ in range(n)]
    for r, _, c in cast:
        belief[r][c] += 1
    belief = [[share / sum(row) for share in row] for row in belief]
    for _ in range(iterations):
        prior = [sum(row[k] for row in belief) + 1 for k in range(classes)]
        error = [
            [[2.0 if k == c else 1 / (classes - 1) for c in range(classes)] for k in range(classes)]
            for _ in range(m)
        ]
        for r, a, c in cast:
            for k in range(classes):
                error[a][k][c] += belief[r][k]
        belief = [list(prior) for _ in range(n)]
        for r, a, c in cast:
            for k in range(classes):
                belief[r][k] *= error[a][k][c] / sum(error[a][k])
        belief = [[value / sum(row) for value in row] for row in belief]
    return belief


@settings(deadline=None)
@given(any_votes())
def test_dawid_skene_equals_the_papers_steps_written_out(votes: list[Vote]) -> None:
    classes = len({label for _, _, label in votes})
    if classes > 1:
        model = fit(read_votes(table(votes)), max_iterations=5, tolerance=-np.inf)
        expected = np.array(naive_dawid_skene(votes, classes, len(model.log_posterior)))
        assert model.probabilities == pytest.approx(expected, abs=1e-9)


def test_a_fit_that_is_stopped_early_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    votes, *_ = planted(200)
    assert dawid_skene(votes).notes == []
    assert not fit(read_votes(votes), max_iterations=2).is_converged


def test_crowdlab_lets_a_model_settle_what_the_votes_do_not() -> None:
    votes = grid(ann="aabbaabbab", bob="aabbaabbba")
    sure = np.array([[0.95, 0.05] if c == "a" else [0.05, 0.95] for c in "aabbaabbaa"])
    consensus = crowdlab(votes, sure, keys(votes), ["a", "b"])
    assert list(labels(consensus).values()) == list("aabbaabbaa")
    assert consensus.rows["agreement"].to_pylist()[-2:] == [0.5, 0.5]
    assert majority(votes).rows["label"].to_pylist()[-2:] == [None, None]


def test_crowdlab_has_cleanlabs_figures() -> None:
    from cleanlab.multiannotator import get_label_quality_multiannotator

    votes, truth, *_ = planted(300)
    probabilities = 0.5 * drawn(len(truth), 3) + 0.5 * np.eye(3)[truth]
    consensus = crowdlab(votes, probabilities, keys(votes), CLASSES)
    read = read_votes(votes, CLASSES)
    wide = np.full((len(read.records), len(read.annotators)), np.nan)
    wide[read.record, read.annotator] = read.label
    told = get_label_quality_multiannotator(wide, probabilities, verbose=False)
    theirs = [CLASSES[c] for c in told["label_quality"]["consensus_label"]]
    ours = consensus.rows["label"].to_pylist()
    same = [place for place, label in enumerate(ours) if label == theirs[place]]
    assert len(same) > 0.97 * len(ours)
    quality = told["label_quality"]["consensus_quality_score"].to_numpy()
    assert consensus.rows["quality"].to_numpy()[same] == pytest.approx(quality[same], abs=1e-9)
    by_annotator = told["annotator_stats"]["annotator_quality"].sort_index().to_numpy()
    assert consensus.annotators["quality"].to_numpy() == pytest.approx(by_annotator, abs=1e-9)


def test_probabilities_belong_to_the_records_that_are_named_beside_them() -> None:
    votes, truth, *_ = planted(100)
    probabilities, names = drawn(len(truth), 3), keys(votes)
    straight = crowdlab(votes, probabilities, names, CLASSES)
    beside = ["unvoted", *names[::-1]]
    turned = crowdlab(votes, np.concatenate([flat(1, 3), probabilities[::-1]]), beside, CLASSES)
    assert straight.rows.equals(turned.rows)


@pytest.mark.parametrize(
    "votes",
    [
        grid(ann="abc", bob="b.."),
        grid(ann="aaa", bob="aaa"),
        grid(ann="ab.", bob="ba.", cem="..c"),
        grid(ann="a", bob="b", cem="c"),
    ],
    ids=["one vote each", "one class only", "who meets nobody", "nobody agrees"],
)
def test_crowdlab_takes_few_votes_and_classes_without_votes(votes: pa.Table) -> None:
    names = keys(votes)
    one = crowdlab(votes, flat(len(names), 5), names, list("abcde"))
    assert one.rows.equals(crowdlab(votes, flat(len(names), 5), names, list("abcde")).rows)
    assert one.rows["quality"].null_count == 0
    assert label_next(votes, flat(len(names), 5), names, list("abcde")).num_rows == len(names)


def test_a_single_annotator_is_believed_and_a_note_says_why() -> None:
    votes = grid(ann="ab")
    consensus = crowdlab(votes, np.array([[0.9, 0.1], [0.7, 0.3]]), ["00", "01"], ["a", "b"])
    assert list(labels(consensus).values()) == ["a", "b"]
    assert consensus.rows["quality"].to_pylist() == pytest.approx([0.9, 0.3])
    assert of(consensus, "ann")["quality"] is None
    assert "No record has the votes of two annotators" in consensus.notes[0]
    assert labels(majority(votes)) == labels(dawid_skene(votes)) == {"00": "a", "01": "b"}


@pytest.mark.parametrize("most_votes", [1, 5])
def test_what_to_label_next_has_cleanlabs_scores(
    most_votes: int, capsys: pytest.CaptureFixture[str]
) -> None:
    from cleanlab.multiannotator import get_active_learning_scores

    votes, truth, *_ = planted(200)
    read = read_votes(votes)
    first = np.concatenate([np.arange(count) for count in read.per_record]) < most_votes
    names = ("record_key", "annotator", "label")
    votes = votes.select(names).sort_by([("record_key", "ascending"), ("annotator", "ascending")])
    votes = votes.filter(pa.array(first))
    read = read_votes(votes, CLASSES)
    unvoted = [f"new {place:02}" for place in range(20)]
    probabilities = 0.5 * drawn(len(truth), 3) + 0.5 * np.eye(3)[truth]
    fresh = drawn(20, 3, seed=5)
    wide = np.full((len(read.records), len(read.annotators)), np.nan)
    wide[read.record, read.annotator] = read.label
    old, new = get_active_learning_scores(wide, probabilities, fresh)
    capsys.readouterr()  # cleanlab's own talk
    expected = dict(zip([*read.records, *unvoted], [*old, *new], strict=True))
    found = label_next(
        votes, np.concatenate([fresh, probabilities]), [*unvoted, *read.records], CLASSES
    )
    assert found.schema == NEXT
    ours = dict(zip(found["record_key"].to_pylist(), found["score"].to_pylist(), strict=True))
    assert ours == pytest.approx(expected, abs=1e-8)
    assert found["score"].to_pylist() == sorted(ours.values())
    assert set(found["votes"].to_pylist()[-3:]) - {0}


def test_without_any_vote_the_least_certain_record_is_next() -> None:
    probabilities = np.array([[0.9, 0.1], [0.55, 0.45], [0.3, 0.7]])
    found = label_next(table([]), probabilities, ["x", "y", "z"], ["a", "b"])
    assert found["record_key"].to_pylist() == ["y", "z", "x"]
    assert found["votes"].to_pylist() == [0, 0, 0]


# Krippendorff 2011, sections A, B and C: his data and his figures.
WORKED = [
    (grid(meg="0100000010", owen="1110010000"), 0.095),
    (grid(ben="aabbdcccedda", gerry="babbbccceddd"), 0.692),
    (grid(a="123321412...", b="1233224125.3", c=".3332342251.", d="12332441251."), 0.743),
]  # fmt: skip


@pytest.mark.parametrize(("votes", "published"), WORKED)
def test_alpha_has_the_published_figures(votes: pa.Table, published: float) -> None:
    agreement = krippendorff_alpha(votes)
    assert agreement.alpha == pytest.approx(published, abs=5e-4)
    assert agreement.low is not None
    assert agreement.high is not None
    assert agreement.low < published < agreement.high


def test_alpha_leaves_out_records_with_one_vote() -> None:
    agreement = krippendorff_alpha(WORKED[2][0], resamples=0)
    assert (agreement.records, agreement.votes) == (11, 40)
    assert agreement.low is agreement.high is None


@pytest.mark.parametrize("votes", [grid(ann="ab", bob=".."), grid(ann="aaa", bob="aaa")])
def test_alpha_is_undefined_where_nobody_could_disagree(votes: pa.Table) -> None:
    agreement = krippendorff_alpha(votes)
    assert (agreement.alpha, agreement.low, agreement.high) == (None, None, None)


@settings(deadline=None)
@given(any_votes(), st.randoms())
def test_alpha_is_one_minus_observed_over_expected_disagreement(
    votes: list[Vote], random: Any
) -> None:
    by_record: dict[str, list[str]] = {}
    for record, _, label in votes:
        by_record.setdefault(record, []).append(label)
    units = [said for said in by_record.values() if len(said) > 1]
    pooled = [label for said in units for label in said]
    n = len(pooled)
    observed = sum(
        sum(x != y for x in said for y in said) / (len(said) - 1) for said in units
    ) / max(n, 1)
    expected = sum(x != y for x in pooled for y in pooled) / max(n * (n - 1), 1)
    found = krippendorff_alpha(table(votes), resamples=20)
    assert found == krippendorff_alpha(table(random.sample(votes, len(votes))), resamples=20)
    if expected == 0:
        assert found.alpha is None
    else:
        assert found.alpha == pytest.approx(1 - observed / expected)
        assert found.alpha <= 1


def test_the_interval_follows_the_seed_and_narrows_with_records() -> None:
    few, many = planted(100)[0], planted(1500)[0]
    narrow, wide = krippendorff_alpha(many, resamples=200), krippendorff_alpha(few, resamples=200)
    assert krippendorff_alpha(few, resamples=200) == wide
    assert krippendorff_alpha(few, resamples=200, seed=1) != wide
    assert narrow.high - narrow.low < 0.5 * (wide.high - wide.low)  # type: ignore[operator]


BAD_VOTES = [
    (table([]), LabelError, "There are no votes"),
    (grid(a="x").drop(["label"]), UnknownNameError, "There is no column 'label'"),
    (pa.concat_tables([grid(a="x"), grid(a="y")]), LabelError, "by 'a'. Keep one vote"),
    (
        pa.concat_tables([grid(a="x"), grid(b="y"), grid(a="x")]),
        LabelError,
        "1 votes are another one by the same annotator",
    ),
    (table([("r", "a", " ")]), LabelError, "'label' is empty in 1 of 1 rows"),
    (
        pa.table({"record_key": [1], "annotator": ["a"], "label": ["x"]}),
        LabelError,
        "'record_key' holds int64",
    ),
]


@pytest.mark.parametrize("call", [*POLICIES, krippendorff_alpha])
@pytest.mark.parametrize(("votes", "error", "message"), BAD_VOTES)
def test_bad_votes_are_refused(
    call: Any, votes: pa.Table, error: type[CurationError], message: str
) -> None:
    if call is by_crowdlab:

        def call(votes: pa.Table) -> Consensus:
            return crowdlab(votes, flat(1, 2), ["00"], ["x", "y"])

    with pytest.raises(error, match=message):
        call(votes)


@pytest.mark.parametrize(
    ("probabilities", "records", "classes", "error", "message"),
    [
        (flat(2, 2), ["00", "01"], ["a"], LabelError, "Got 1 class"),
        (flat(2, 3), ["00", "01"], ["a", "b"], DataError, r"shape \(2, 3\)"),
        (flat(2, 2), ["00", "00"], ["a", "b"], DataError, "named twice"),
        (flat(2, 2), ["00", "01"], ["a", "a"], DataError, "named twice"),
        (flat(2, 2), ["00", "02"], ["a", "b"], DataError, "1 of 2 records with votes have no row"),
        (flat(2, 2) * 2, ["00", "01"], ["a", "b"], DataError, "2 of 2 rows of pred_probs"),
        (flat(2, 2) * np.nan, ["00", "01"], ["a", "b"], DataError, "are no probabilities"),
        (flat(2, 2), ["00", "01"], ["a", "c"], UnknownNameError, "There is no class 'b'"),
    ],
)
def test_bad_probabilities_are_refused(
    probabilities: Any, records: list[str], classes: list[str], error: Any, message: str
) -> None:
    votes = grid(ann="ab", bob="ab")
    for call in (crowdlab, label_next):
        with pytest.raises(error, match=message):
            call(votes, probabilities, records, classes)


def test_a_confidence_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="Got confidence 95"):
        krippendorff_alpha(grid(ann="ab", bob="ab"), confidence=95)


@needs_data
def test_on_songs_dawid_skene_is_right_more_often_than_majority() -> None:
    votes = pq.read_table(DATA / "answers.parquet").rename_columns(
        ["record_key", "annotator", "label"]
    )
    items = pq.read_table(DATA / "items.parquet", columns=["id", "true_label"])
    truth = dict(zip(*(items[name].to_pylist() for name in items.column_names), strict=True))

    def right(consensus: Consensus) -> float:
        found = labels(consensus)
        return sum(found[key] == truth[key] for key in found) / len(found)

    assert right(dawid_skene(votes)) > 0.77
    assert right(majority(votes)) == pytest.approx(0.613, abs=0.001)
