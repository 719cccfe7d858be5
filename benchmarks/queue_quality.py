"""Whether the numbers of a review are true: simulated reviewers over sets with known errors.

    python benchmarks/queue_quality.py [--data ../shared/data] [--seeds 100]

A reviewer who is always right decides the worst record first and every sixth at random, as the page
does; a seed is one random order. Printed are, after so many decisions: how many errors are left and
how far the estimate is from it, how often the 95% intervals hold the truth, and beside them what
the decided flags alone say without random draws. Then when the stopping rule says to stop.

The truth about unflagged records of IMDB, 20 Newsgroups and MNIST is not known; they count as
right, so those sets show what happens when nothing was missed.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from label_sets import JIRA_PROJECTS, label_sets, reviewed_sets

from curation.finders.label import find_label_issues
from curation.finders.queue_advice import FEWEST, advice
from curation.finders.queue_quality import QueueQuality, Verdicts, estimate_quality
from curation.lake.reviewing import ERROR, OPEN
from curation.ui.review import DRAW_EVERY

ROOT = Path(__file__).resolve().parents[1]
SETS = {
    "noisy AG News", "YouTube spam", *(f"JIRA {project}" for project in JIRA_PROJECTS),
    "digits, 5% pair", "digits, 10% boundary",
}  # fmt: skip
POINTS = (60, 120, 240, 480, 960)
AN_HOUR = 120
"""Records decided in an hour: half a minute each."""
ASK_EVERY = 30


def wilson(hits: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """Return the 95% interval of a share (Wilson 1927, score interval), (0, 1) without trials."""
    if trials == 0:
        return 0.0, 1.0
    rate = hits / trials
    spread = z * math.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials))
    middle, scale = rate + z * z / (2 * trials), 1 + z * z / trials
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


class Queue(NamedTuple):
    """A set in the order of its queue: how many are flagged, and which labels are wrong."""

    name: str
    flagged: int
    is_error: npt.NDArray[np.bool_]


class Answer(NamedTuple):
    """What was said after some decisions beside what is true."""

    left: int
    estimated: float
    left_holds: bool
    width: float
    precision_holds: bool
    precision_off: float
    naive_left: float
    naive_off: float
    naive_holds: bool


def ranked(
    name: str,
    score: npt.NDArray[np.float64],
    is_issue: npt.NDArray[np.bool_],
    is_error: npt.NDArray[np.bool_],
) -> Queue:
    """Put a set into the order of its queue: flagged records first, the lowest score first."""
    order = np.lexsort((score, ~is_issue))
    return Queue(name, int(is_issue.sum()), is_error[order])


def queues(data: Path) -> Iterator[Queue]:
    """Yield every set."""
    for name, one in label_sets(data, made_up_rows=0):
        if name in SETS:
            rows = find_label_issues(one.table, roles=one.roles).rows
            yield ranked(name, rows["score"].to_numpy(), np.array(rows["is_issue"]), one.is_error)
    for name, table in reviewed_sets(data):
        codes = table["given_label"].to_numpy()
        matrix = np.stack([table[f"p{k}"].to_numpy() for k in range(codes.max() + 1)], axis=1)
        score = matrix[np.arange(len(codes)), codes]
        flags = table["mturk_error"].is_valid().to_numpy()
        errors = np.array([error is True for error in table["mturk_error"].to_pylist()])
        yield ranked(name, score, flags, errors)


def eager(queue: Queue) -> Queue:
    """Flag half of the records, as a finder does that wants to miss nothing."""
    return Queue(f"{queue.name}, half flagged", len(queue.is_error) // 2, queue.is_error)


def review(queue: Queue, by_chance: npt.NDArray[np.int64], every: int) -> Iterator[Verdicts]:
    """Yield what is known after each decision; nothing is drawn at random where `every` is 0."""
    known = np.full(len(queue.is_error), OPEN, dtype=np.int8)
    is_flagged = by_chance < queue.flagged
    orders = [iter(by_chance[~is_flagged].tolist()), iter(by_chance[is_flagged].tolist())]
    worst = iter(range(len(known)))
    for number in range(len(known)):
        wanted = [worst]
        if every and number and number % every == 0:
            turn = (number // every - 1) % 2
            wanted = [orders[turn], orders[1 - turn]]
        place = next(p for p in chain.from_iterable(wanted) if known[p] == OPEN)
        known[place] = queue.is_error[place]
        yield known


def compare(queue: Queue, known: Verdicts, worst_first: Verdicts, found: QueueQuality) -> Answer:
    """Set what is said after some decisions against the truth."""
    left = int(queue.is_error[known == OPEN].sum())
    precision = queue.is_error[: queue.flagged].mean()
    flags = worst_first[: queue.flagged]
    checked, right = int((flags != OPEN).sum()), int((flags == ERROR).sum())
    low, high = wilson(right, checked)
    return Answer(
        left=left,
        estimated=found.left.value,
        left_holds=found.left.low <= left <= found.left.high,
        width=found.left.high - found.left.low,
        precision_holds=found.precision.low - 1e-9 <= precision <= found.precision.high + 1e-9,
        precision_off=found.precision.value - precision,
        naive_left=right / checked * (queue.flagged - checked)
        - queue.is_error[worst_first == OPEN].sum(),
        naive_off=right / checked - precision,
        naive_holds=low <= precision <= high,
    )


def answers(queue: Queue, seeds: int) -> dict[int, list[Answer]]:
    """Return what is said at each point of the review, for each seed."""
    found: dict[int, list[Answer]] = {point: [] for point in POINTS if point < len(queue.is_error)}
    for seed in range(seeds):
        by_chance = np.random.default_rng(seed).permutation(len(queue.is_error))
        reviews = (review(queue, by_chance, DRAW_EVERY), review(queue, by_chance, 0))
        for number, (known, worst_first) in enumerate(zip(*reviews, strict=True), start=1):
            if number in found:
                quality = estimate_quality(known, queue.flagged, by_chance)
                found[number].append(compare(queue, known, worst_first, quality))
            if number == max(found):
                break
    return found


def stops(queue: Queue, seeds: int) -> list[tuple[int, int, int, int]]:
    """Return when the rule says to stop: decisions, errors found, those of the hour after, flags
    that need no decision then."""
    found = []
    for seed in range(seeds):
        by_chance = np.random.default_rng(seed).permutation(len(queue.is_error))
        known: Verdicts = np.array([], dtype=np.int8)
        number = 0
        for number, known in enumerate(review(queue, by_chance, DRAW_EVERY), start=1):
            if number % ASK_EVERY == 0:
                quality = estimate_quality(known, queue.flagged, by_chance)
                if advice(quality, AN_HOUR, FEWEST).endswith("stop."):
                    break
        later = int(queue.is_error[known == OPEN][:AN_HOUR].sum())
        flags = int((known[: queue.flagged] == OPEN).sum())
        found.append((number, int((known == ERROR).sum()), later, flags))
    return found


def print_answers(every: list[tuple[Queue, dict[int, list[Answer]]]]) -> None:
    """Print what is said at each point, and how often the intervals hold."""
    print(
        "| set, records, flagged | decided | errors left | estimate | mean error | width | holds "
        "| flags right: mean off | holds | naive: left off | flags off | holds |\n|" + "---|" * 12
    )
    for queue, found in every:
        for point, said in found.items():
            means = Answer(*np.mean(said, axis=0))
            off = np.mean([abs(one.estimated - one.left) for one in said])
            print(
                f"| {queue.name}, {len(queue.is_error):,}, {queue.flagged:,} | {point} "
                f"| {means.left:,.0f} | {means.estimated:,.0f} | {off:,.0f} | {means.width:,.0f} "
                f"| {means.left_holds:.0%} | {means.precision_off:+.2f} "
                f"| {means.precision_holds:.0%} | {means.naive_left:+,.0f} "
                f"| {means.naive_off:+.2f} | {means.naive_holds:.0%} |"
            )
    said = [one for _, found in every for point in found.values() for one in point]
    total = Answer(*np.mean(said, axis=0))
    print(
        f"\n95% intervals over all: errors left {total.left_holds:.1%}, right flags "
        f"{total.precision_holds:.1%}; naive interval of right flags {total.naive_holds:.1%}."
    )


def print_stops(every: list[Queue], seeds: int) -> None:
    """Print when the rule says to stop, beside a review of all flags."""
    print(
        f"\nStopping at fewer than {FEWEST} errors an hour of {AN_HOUR} records.\n\n"
        "| set | records | flags | their errors | all errors | stops after | errors found "
        "| found by the hour after | flags not decided |\n|" + "---|" * 9
    )
    for queue in [*every, *map(eager, every)]:
        decided, found, later, flags = np.mean(stops(queue, seeds), axis=0)
        print(
            f"| {queue.name} | {len(queue.is_error):,} | {queue.flagged:,} "
            f"| {queue.is_error[: queue.flagged].sum():,} | {queue.is_error.sum():,} "
            f"| {decided:,.0f} | {found:,.0f} | {later:.1f} | {flags:,.0f} |",
            flush=True,
        )


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--seeds", type=int, default=100)
    options = parser.parse_args()
    every = list(queues(options.data))
    print_answers([(queue, answers(queue, options.seeds)) for queue in every])
    print_stops(every, max(1, options.seeds // 10))


if __name__ == "__main__":
    main()
