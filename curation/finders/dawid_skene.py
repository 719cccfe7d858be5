"""Consensus by how each annotator confuses the classes.

Dawid and Skene 1979, "Maximum Likelihood Estimation of Observer Error-Rates Using the EM
Algorithm", Applied Statistics 28(1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curation.finders.annotators import Consensus, consensus_of
from curation.finders.votes import Votes, read_votes
from curation.learn.arrays import Codes, Vector

Dense = npt.NDArray[np.float64]

RIGHT, WRONG = 2.0, 1.0
"""Pseudo-votes in each row of a confusion matrix: on the class itself, and on all others together.

An annotator of whom little is known is thus somewhat better than chance for any number of classes.
"""
CLASS = 1.0
"""Pseudo-records of each class in the prior of the classes."""
MAX_ITERATIONS = 500
TOLERANCE = 1e-7
"""EM stops when the log posterior, in nats a vote, rises by less than this."""


@dataclass(frozen=True)
class DawidSkeneFit:
    """The model that makes n records' votes by m annotators among k classes most probable.

    Attributes:
        probabilities: shape (n, k): each record's class probabilities, rows sum to 1.
        prior: shape (k,): the share of each class, sums to 1.
        quality: shape (m,), 0 to 1: each annotator's accuracy, the diagonal of their confusion
            matrix weighted by the prior.
        log_posterior: one value an iteration, in nats up to a constant; never falls.
        is_converged: it rose by less than the tolerance before the last iteration allowed.
        given: the (annotator, class given) pairs that occur, coded annotator * k + class; rising.
        tallies: shape (pairs, k): the expected votes of each such pair by true class.
    """

    probabilities: Dense
    prior: Vector
    quality: Vector
    log_posterior: list[float]
    is_converged: bool
    given: Codes
    tallies: Dense

    def confusion(self, annotator: int) -> Dense:
        """Return P(class given | true class) of an annotator: shape (k, k), rows sum to 1."""
        k = len(self.prior)
        tallies = np.zeros((k, k))
        mine = self.given // k == annotator
        tallies[self.given[mine] % k] = self.tallies[mine]
        smoothed = tallies.T + _pseudo_votes(np.arange(k), k)
        rows: Dense = smoothed / smoothed.sum(axis=1, keepdims=True)
        return rows


def dawid_skene(votes: pa.Table, *, sure: float = 0.9) -> Consensus:
    """Return each record's most probable class, of those voted for, by the Dawid-Skene model.

    Quality is the class's probability; an annotator's is their estimated accuracy. A class that
    nobody gave the record may be more probable still; then the quality is below one half.

    Args:
        votes: columns `record_key`, `annotator`, `label`; see `read_votes`.
        sure: a record with several classes is disputed unless one is more probable than this.

    Raises:
        UnknownNameError: a column is not there.
        LabelError: no votes, empty ones, or two by one annotator on one record.
    """
    read = read_votes(votes)
    model = fit(read)
    found = read.candidates()
    notes = []
    if not model.is_converged:
        notes.append(
            f"Dawid-Skene was stopped after {len(model.log_posterior):,} iterations, when it was "
            "still improving slightly."
        )
    scores = model.probabilities[found.record, found.label]
    return consensus_of("dawid_skene", read, scores, model.quality, sure=sure, notes=notes)


def fit(
    votes: Votes, *, max_iterations: int = MAX_ITERATIONS, tolerance: float = TOLERANCE
) -> DawidSkeneFit:
    """Fit the Dawid-Skene model by expectation maximization to its largest posterior.

    Starts from each record's shares of votes. The rows of the confusion matrices and the prior of
    the classes have Dirichlet priors, whose pseudo-counts are `RIGHT`, `WRONG` and `CLASS`. The
    matrices are kept for the pairs of annotator and given class that occur, so that memory goes
    with (n + pairs) * k numbers.

    Args:
        votes: n records, m annotators, k classes.
        max_iterations: 1 or more.
        tolerance: in nats a vote.
    """
    from scipy.special import logsumexp

    n, k, v = len(votes.records), len(votes.classes), len(votes.record)
    given, by_pair, by_annotator = _incidence(votes)
    by_record, who = by_pair.T.tocsr(), given // k
    pseudo = _pseudo_votes(given % k, k)
    in_row = RIGHT + WRONG * (k > 1)
    probabilities = _shares(votes)
    history: list[float] = []
    is_converged = False
    while not is_converged and len(history) < max_iterations:
        prior = (probabilities.sum(axis=0) + CLASS) / (n + CLASS * k)
        tallies = np.asarray(by_pair @ probabilities)
        seen = np.asarray(by_annotator @ tallies) + in_row
        log_joint = by_record @ (np.log(tallies + pseudo) - np.log(seen)[who]) + np.log(prior)
        log_evidence = logsumexp(log_joint, axis=1)
        probabilities = np.exp(log_joint - log_evidence[:, None])
        # Pairs that do not occur have only pseudo-votes: a constant, but for their row's sum.
        log_prior = CLASS * np.log(prior).sum() - in_row * np.log(seen).sum()
        log_prior += (pseudo * np.log1p(tallies / pseudo)).sum()
        history.append(float(log_evidence.sum() + log_prior))
        is_converged = len(history) > 1 and history[-1] - history[-2] < tolerance * v
    right = np.full((len(votes.annotators), k), RIGHT)
    right[who, given % k] += tallies[np.arange(len(given)), given % k]
    quality = (right / seen) @ prior
    return DawidSkeneFit(probabilities, prior, quality, history, is_converged, given, tallies)


def _incidence(votes: Votes) -> tuple[Codes, Any, Any]:
    """Return the pairs (annotator, class given) that occur, and two sparse matrices of ones.

    The first has shape (pairs, n): the votes of each pair. The second has shape (m, pairs): the
    pairs of each annotator.
    """
    from scipy.sparse import csr_matrix

    given, of_vote = np.unique(
        votes.annotator * len(votes.classes) + votes.label, return_inverse=True
    )
    who, pairs = given // len(votes.classes), np.arange(len(given))
    by_pair = (np.ones(len(of_vote)), (of_vote, votes.record))
    by_annotator = (np.ones(len(given)), (who, pairs))
    return (
        given,
        csr_matrix(by_pair, shape=(len(given), len(votes.records))),
        csr_matrix(by_annotator, shape=(len(votes.annotators), len(given))),
    )


def _shares(votes: Votes) -> Dense:
    """Return each class's share of each record's votes: shape (n, k)."""
    found = votes.candidates()
    shares = np.zeros((len(votes.records), len(votes.classes)))
    shares[found.record, found.label] = found.votes / votes.per_record[found.record]
    return shares


def _pseudo_votes(given: Codes, classes: int) -> Dense:
    """Return the pseudo-votes for each class given, by true class: shape (len(given), classes)."""
    pseudo = np.full((len(given), classes), WRONG / max(classes - 1, 1))
    pseudo[np.arange(len(given)), given] = RIGHT
    return pseudo
