"""Out-of-sample probabilities of any estimator on a list, by cross-validation over groups.

An estimator is named by its import path, and only a path on the list is ever imported: a recipe
comes from elsewhere, and what it names must not run.
"""

from __future__ import annotations

import importlib
import threading
import warnings
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from curation.errors import DataError, UnknownNameError, UsageError
from curation.learn.arrays import Codes, Matrix
from curation.learn.folds import FOLDS, fold_of_each_row
from curation.learn.score_calibration import probabilities_of_scores
from curation.progress import Progress, no_progress

Scaling = Literal["none", "standard", "positive"]

ESTIMATORS: dict[str, Scaling] = {
    "lightgbm.LGBMClassifier": "none",
    "sklearn.discriminant_analysis.LinearDiscriminantAnalysis": "standard",
    "sklearn.ensemble.AdaBoostClassifier": "none",
    "sklearn.ensemble.BaggingClassifier": "none",
    "sklearn.ensemble.ExtraTreesClassifier": "none",
    "sklearn.ensemble.GradientBoostingClassifier": "none",
    "sklearn.ensemble.HistGradientBoostingClassifier": "none",
    "sklearn.ensemble.RandomForestClassifier": "none",
    "sklearn.linear_model.LogisticRegression": "standard",
    "sklearn.linear_model.RidgeClassifier": "standard",
    "sklearn.linear_model.SGDClassifier": "standard",
    "sklearn.naive_bayes.BernoulliNB": "standard",
    "sklearn.naive_bayes.ComplementNB": "positive",
    "sklearn.naive_bayes.GaussianNB": "standard",
    "sklearn.naive_bayes.MultinomialNB": "positive",
    "sklearn.neighbors.KNeighborsClassifier": "standard",
    "sklearn.neural_network.MLPClassifier": "standard",
    "sklearn.svm.LinearSVC": "standard",
    "sklearn.svm.SVC": "standard",
    "sklearn.tree.DecisionTreeClassifier": "none",
    "xgboost.XGBClassifier": "none",
}
"""The estimators that may be named, and how the columns are scaled before each, fold by fold."""

_REFUSED = {
    "estimator": "only a path on the list names an estimator",
    "n_jobs": "the folds run one after another",
    "probability": "scores are turned into probabilities for every estimator alike",
    "verbose": "progress is shown by the caller",
    "warm_start": "a fold must not know what another one learned",
}
# scikit-learn's fits swap the process's warning filters; two at a time could lose them for good.
_one_at_a_time = threading.Lock()


def cross_validated(
    matrix: Matrix,
    codes: Codes,
    classes: int,
    *,
    estimator: str,
    parameters: Mapping[str, Any] | None = None,
    groups: Codes | None = None,
    folds: int = FOLDS,
    seed: int = 0,
    progress: Progress = no_progress,
) -> Matrix:
    """Return class probabilities from models that did not see the row or its group.

    Shape (n, k), float32, every row sums to 1. Rows without a label teach nothing; a model of all
    labelled rows predicts them. A class that a model was not shown has probability 0 from it: the
    only row of a class, or the only group, has it for its own class. An estimator that gives scores
    and no probabilities (support vector machines) is calibrated by one softmax temperature over all
    folds' scores.

    Args:
        matrix: shape (n, d), float32; NaN is missing, and is replaced by its column's median for an
            estimator that cannot do with it.
        codes: shape (n,), 0 to `classes` - 1, or -1 for a row without a label.
        classes: k.
        estimator: one of `ESTIMATORS`.
        parameters: the estimator's own parameters; the others keep its defaults.
        groups: shape (n,); the rows of a group are all in one fold.
        folds: how many, at least 2; fewer where there are fewer groups.
        seed: for the folds, and for the estimator unless `parameters` names its `random_state`.
        progress: told the fraction done; may raise between two folds.

    Raises:
        UnknownNameError: an estimator or a parameter that is not known.
        UsageError: a parameter that cannot be given, a value that the estimator refuses, or a
            library that is not installed.
        DataError: all labelled rows are one group.
    """
    model = _model(estimator, parameters or {}, seed)
    fold = fold_of_each_row(codes, groups, folds=folds, seed=seed)
    count = int(fold.max(initial=-1)) + 1
    if count < 2:
        raise DataError(
            "All labelled rows belong to one group, so none can be predicted by a model that did "
            "not see it. Give another column the role 'group', or none."
        )
    labelled, unlabelled = codes >= 0, np.flatnonzero(codes < 0)
    scores = np.full((len(codes), classes), -np.inf, dtype=np.float32)
    parts = [
        (labelled & (fold != number), np.flatnonzero(fold == number)) for number in range(count)
    ]
    parts += [(labelled, unlabelled)] if len(unlabelled) else []
    for done, (taught, asked) in enumerate(parts):
        progress(done / len(parts), f"cross-validation: model {done + 1} of {len(parts)}")
        present, found = _learned(model, matrix, codes, np.flatnonzero(taught), asked, estimator)
        scores[np.ix_(asked, present)] = found
    progress(1.0, f"learned {len(parts)} models")
    return _as_probabilities(scores, codes, gives_scores=not hasattr(model, "predict_proba"))


def check_estimator(estimator: str, parameters: Mapping[str, Any]) -> None:
    """Raise what `cross_validated` would raise about an estimator's name, library or parameters.

    Raises:
        UnknownNameError: an estimator or a parameter that is not known.
        UsageError: a parameter that cannot be given, or a library that is not installed.
    """
    _model(estimator, parameters, seed=0)


def _model(estimator: str, parameters: Mapping[str, Any], seed: int) -> Any:
    """Return the estimator behind its scaler, not fitted."""
    if estimator not in ESTIMATORS:
        raise UnknownNameError("estimator", estimator, ESTIMATORS)
    module, name = estimator.rsplit(".", 1)
    try:
        learner = getattr(importlib.import_module(module), name)()
    except ModuleNotFoundError as missing:
        library = module.split(".", maxsplit=1)[0]
        raise UsageError(
            f"{estimator} needs {library}, which is not installed: pip install {library}"
        ) from missing
    known = learner.get_params(deep=False)
    for parameter in parameters:
        if parameter in _REFUSED:
            raise UsageError(
                f"{estimator}: '{parameter}' cannot be set here, since {_REFUSED[parameter]}. "
                "Leave it out."
            )
        if parameter not in known:
            raise UnknownNameError(
                "parameter", parameter, known.keys() - _REFUSED, f"{estimator}: "
            )
    set_here: dict[str, Any] = {"random_state": seed} if "random_state" in known else {}
    if known.get("early_stopping") == "auto":
        set_here["early_stopping"] = False  # it would draw a sample with every class, and cannot
    if estimator.startswith("lightgbm."):
        set_here["verbosity"] = -1
    learner.set_params(**{**set_here, **parameters})
    return _behind_scaler(learner, ESTIMATORS[estimator])


def _behind_scaler(learner: Any, scaling: Scaling) -> Any:
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, StandardScaler
    from sklearn.utils import get_tags

    before: list[Any] = []
    if not get_tags(learner).input_tags.allow_nan:
        before.append(SimpleImputer(strategy="median", keep_empty_features=True))
    if scaling == "standard":
        before.append(StandardScaler())
    elif scaling == "positive":
        before.append(MinMaxScaler(clip=True))
    return make_pipeline(*before, learner)


def _learned(
    model: Any, matrix: Matrix, codes: Codes, taught: Codes, asked: Codes, estimator: str
) -> tuple[Codes, Any]:
    """Return the classes that were taught, and their probabilities or scores: (asked, classes)."""
    from sklearn.base import clone
    from sklearn.exceptions import ConvergenceWarning

    present, targets = np.unique(codes[taught], return_inverse=True)
    if len(present) == 1:
        return present, np.ones((len(asked), 1))
    fresh = clone(model)
    with _one_at_a_time:
        warnings.filterwarnings("ignore", category=ConvergenceWarning)
        try:
            fresh.fit(matrix[taught], targets)
            if hasattr(fresh, "predict_proba"):
                return present, fresh.predict_proba(matrix[asked])
            scores = fresh.decision_function(matrix[asked])
        except (TypeError, ValueError) as refused:  # what estimators say of values of parameters
            raise UsageError(f"{estimator} could not learn: {refused}") from refused
    return present, np.stack([-scores, scores], axis=1) if scores.ndim == 1 else scores


def _as_probabilities(scores: Matrix, codes: Codes, *, gives_scores: bool) -> Matrix:
    """Return probabilities: rows sum to 1, and a class that was not taught (-inf) has 0."""
    if gives_scores:
        return probabilities_of_scores(scores, codes)
    found = np.clip(np.nan_to_num(scores, nan=0.0, neginf=0.0), 0.0, None)
    sums = found.sum(axis=1, keepdims=True)
    taught = np.isfinite(scores)
    found = np.where(sums > 0, found, taught)
    found /= found.sum(axis=1, keepdims=True)
    return found.astype(np.float32)
