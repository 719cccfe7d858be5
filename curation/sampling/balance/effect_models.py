"""The quick models that options of balancing are measured with: rows may weigh differently."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from curation.learn.arrays import Codes, Matrix, Vector
from curation.learn.warning_filters import clean_warning_filters

Start = npt.NDArray[np.float64] | None


@dataclass(frozen=True)
class Fitted:
    """What a model says of the rows that it was asked about.

    Attributes:
        probabilities: shape (m, k), float32, above 0, every row sums to 1.
        end: where the fit ended, from which another one on much the same rows may start.
    """

    probabilities: Matrix
    end: Start


class Model(Protocol):
    """Learns classes from weighted rows and predicts others."""

    title: str
    repeats: float
    """How often it can be afforded, in parts of what is asked for."""

    def fitted(
        self,
        taught: Matrix,
        codes: Codes,
        classes: int,
        weights: Vector,
        asked: Matrix,
        *,
        start: Start,
        seed: int,
    ) -> Fitted:
        """Return the probabilities of other rows.

        Args:
            taught: shape (n, d), float32, finite.
            codes: shape (n,), 0 to `classes` - 1; a class may be without rows.
            classes: k.
            weights: shape (n,), above 0; a row of weight 2 counts as two rows.
            asked: shape (m, d).
            start: the `end` of a fit before, or None.
            seed: for what is drawn at random.
        """


class Logistic:
    """Multinomial logistic regression, by L-BFGS, with a squared penalty on the slopes.

    The penalty is that of scikit-learn's ``C`` = 10 for rows of length 1. It is written here since
    scikit-learn's own cannot start where another fit ended with other weights in another thread,
    nor end without a warning.
    """

    title = "logistic regression"
    repeats = 1.0
    _C = 10.0
    _ITERATIONS = 100
    _SLOPE = 3e-5

    def fitted(
        self,
        taught: Matrix,
        codes: Codes,
        classes: int,
        weights: Vector,
        asked: Matrix,
        *,
        start: Start,
        seed: int,  # noqa: ARG002 - nothing is drawn
    ) -> Fitted:
        """See `Model`."""
        from scipy.optimize import minimize

        rows, width = taught.shape
        share = (weights / weights.sum()).astype(np.float32)
        own = (np.arange(rows), codes)
        penalty = 1 / (self._C * float(weights.sum()))

        def loss_and_slope(flat: Vector) -> tuple[float, Vector]:
            now = flat.reshape(classes, width + 1)
            scores = _scores(taught, now)
            given = scores[own]
            np.exp(scores, out=scores)
            total = scores.sum(axis=1)
            loss = -float((share * (given - np.log(total))).sum(dtype=np.float64))
            scores /= total[:, None]
            scores[own] -= 1
            scores *= share[:, None]
            slope = np.empty_like(now)
            slope[:, :width] = scores.T @ taught + penalty * now[:, :width]
            slope[:, width] = scores.sum(axis=0)
            return loss + penalty / 2 * float((now[:, :width] ** 2).sum()), slope.ravel()

        found: Any = minimize(
            loss_and_slope,
            np.zeros(classes * (width + 1)) if start is None else start,
            jac=True, method="L-BFGS-B",
            options={"maxiter": self._ITERATIONS, "gtol": self._SLOPE, "maxcor": 20},
        )  # fmt: skip
        scores = _scores(asked, found.x.reshape(classes, width + 1))
        np.exp(scores, out=scores)
        return Fitted(scores / scores.sum(axis=1, keepdims=True), found.x)


class Trees:
    """Extremely randomised trees (Geurts, Ernst and Wehenkel 2006), each on all rows.

    A hundredth of the probability is shared out as the classes are, since a class that no leaf saw
    would else be impossible.
    """

    title = "extremely randomised trees"
    repeats = 0.5
    _TREES = 20
    _LEAF = 5
    _SMOOTH = 0.01

    def fitted(
        self,
        taught: Matrix,
        codes: Codes,
        classes: int,
        weights: Vector,
        asked: Matrix,
        *,
        start: Start,
        seed: int,
    ) -> Fitted:
        """See `Model`."""
        from sklearn.tree import ExtraTreeClassifier

        shares = np.bincount(codes, weights, minlength=classes) / weights.sum()
        found = np.zeros((len(asked), classes), dtype=np.float32)
        with clean_warning_filters():
            # Not ExtraTreesClassifier: its own threads would sit inside ours.
            for number in range(self._TREES):
                tree = ExtraTreeClassifier(
                    max_features="sqrt",
                    min_samples_leaf=self._LEAF,
                    random_state=(seed * self._TREES + number) % 2**32,
                )
                tree.fit(taught, codes, sample_weight=weights)
                found[:, tree.classes_] += tree.predict_proba(asked)
        found *= np.float32((1 - self._SMOOTH) / self._TREES)
        found += (self._SMOOTH * shares).astype(np.float32)
        return Fitted(found, start)


def unit_columns(matrix: Matrix) -> Matrix:
    """Return columns with mean 0 and one spread, such that rows have length 1 on average."""
    centred = matrix - matrix.mean(axis=0, dtype=np.float64).astype(np.float32)
    spread = centred.std(axis=0, dtype=np.float64)
    varies = spread > 0
    scaled: Matrix = centred[:, varies] / (spread[varies] * np.sqrt(max(varies.sum(), 1))).astype(
        np.float32
    )
    return scaled


def _scores(matrix: Matrix, slopes: Vector) -> Matrix:
    """Return each class's score in each row, the largest of a row at 0: shape (n, k)."""
    narrow = slopes.astype(np.float32)
    scores: Matrix = matrix @ narrow[:, :-1].T
    scores += narrow[:, -1]
    scores -= scores.max(axis=1, keepdims=True)
    return scores
