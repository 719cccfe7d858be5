"""Sets of labelled data whose errors are known, row by row, and what peers learn from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sklearn.datasets import load_digits, make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.preprocessing import StandardScaler

from curation.lake.roles import Role, Roles
from curation.learn.labels import encode_labels
from curation.learn.tabular import encode_features
from curation.learn.text import embed

Kind = Literal["texts", "images", "tables"]
Noise = Literal["symmetric", "pair", "boundary"]
JIRA_PROJECTS = ("activemq", "lucene", "derby", "wicket")
NOISES: tuple[Noise, ...] = ("symmetric", "pair", "boundary")
RATES = (0.05, 0.1, 0.3)
_NO_METRICS = {
    "project", "release", "file", "HeuBugCount", "RealBugCount",
    "given_label", "true_label", "is_error",
}  # fmt: skip


class LabelSet(NamedTuple):
    """A set and the truth about it.

    Attributes:
        kind: what a row is.
        table: the content, and the column `given_label`; every row has a label.
        roles: what each column is for.
        codes: shape (n,), the given class of each row.
        is_error: shape (n,), whether it is wrong.
    """

    kind: Kind
    table: pa.Table
    roles: Roles
    codes: npt.NDArray[np.int64]
    is_error: npt.NDArray[np.bool_]

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return int(self.codes.max()) + 1

    def texts(self) -> list[str]:
        """The texts of a set of texts."""
        return self.table["text"].to_pylist()

    def matrix(self) -> npt.NDArray[np.float32]:
        """The content as peers are given it: embeddings, pixels, or features as they are."""
        if self.kind == "texts":
            return embed(self.texts())
        if self.kind == "images":
            return np.stack(self.table["image"].to_numpy()).astype(np.float32)
        return encode_features(self.table, self.roles.having("feature"))

    def standardised(self) -> npt.NDArray[np.float32]:
        """`matrix`, each column with mean 0 and variance 1; missing is 0."""
        return np.nan_to_num(StandardScaler().fit_transform(self.matrix()))


def _known(kind: Kind, table: pa.Table, columns: dict[str, Role]) -> LabelSet:
    table = table.filter(table["given_label"].is_valid())
    codes = encode_labels(table, "given_label").codes
    is_error = table["is_error"].to_numpy().astype(bool)
    roles = Roles(columns={**columns, "given_label": "label"})
    return LabelSet(kind, table.select(list(roles.columns)), roles, codes, is_error)


def _texts(path: Path) -> LabelSet:
    return _known("texts", pq.read_table(path), {"text": "text"})


def _reviews(path: Path) -> LabelSet:
    """Every review with debris of HTML has its label turned round."""
    table = pq.read_table(path)
    debris = pc.match_substring_regex(table["review"], "<[a-z/]")
    named = {"text": table["review"], "given_label": table["label"], "is_error": debris}
    return _known("texts", pa.table(named), {"text": "text"})


def _jira(path: Path) -> LabelSet:
    table = pq.read_table(path)
    metrics = [name for name in table.column_names if name not in _NO_METRICS]
    if len(metrics) != 65:
        raise SystemExit(f"{path.stem} has {len(metrics)} code metrics; 65 were expected.")
    return _known("tables", table, dict.fromkeys(metrics, "feature"))


def _music(folder: Path) -> LabelSet:
    """One answer for each song, drawn from those that people gave."""
    answers = pq.read_table(folder / "answers.parquet").to_pandas()
    drawn = answers.sample(frac=1, random_state=0).drop_duplicates("id").set_index("id")["label"]
    songs = pq.read_table(folder / "items.parquet").to_pandas()
    songs = songs[songs["id"].isin(drawn.index)].reset_index(drop=True)
    given = drawn.loc[songs["id"]].to_numpy()
    features = [name for name in songs.columns if name.startswith("feature")]
    truth = {"given_label": given, "is_error": given != songs["true_label"].to_numpy()}
    table = pa.table({**{name: songs[name].to_numpy() for name in features}, **truth})
    return _known("tables", table, dict.fromkeys(features, "feature"))


def _planted(noise: Noise, rate: float) -> LabelSet:
    """Scikit-learn's digits, some of them with another label.

    symmetric: any other class; pair: the next digit; boundary: the class that a linear model finds
    the next likely one, more often where it is in doubt.
    """
    pixels, true = load_digits(return_X_y=True)
    random, rows = np.random.default_rng(1), np.arange(len(true))
    count = round(rate * len(true))
    weights, wrong = np.full(len(true), 1 / len(true)), (true + 1) % 10
    if noise == "symmetric":
        wrong = (true + random.integers(1, 10, len(true))) % 10
    elif noise == "boundary":
        model = LogisticRegression(C=0.01, max_iter=300)
        others = cross_val_predict(model, pixels / 16, true, method="predict_proba")
        others[rows, true] = -1
        wrong = others.argmax(axis=1)
        weights = (others.max(axis=1) + 1e-4) / (others.max(axis=1) + 1e-4).sum()
    is_error = np.isin(rows, random.choice(len(true), count, replace=False, p=weights))
    given = np.where(is_error, wrong, true)
    images = pa.array(list(pixels.astype(np.float32)), pa.list_(pa.float32()))
    table = pa.table({"image": images, "given_label": given, "is_error": is_error})
    return _known("images", table, {"image": "image"})


def made_up(rows: int, seed: int = 0) -> LabelSet:
    """A made-up set of 20 features and 7 classes with 8% of the labels drawn anew."""
    matrix, true = make_classification(
        rows, 20, n_informative=12, n_redundant=4, n_classes=7, class_sep=1.0, flip_y=0,
        random_state=seed,
    )  # fmt: skip
    random = np.random.default_rng(seed)
    wrong = random.random(rows) < 0.08
    given = np.where(wrong, (true + random.integers(1, 7, rows)) % 7, true)
    names = [f"feature_{place}" for place in range(20)]
    columns = {**dict(zip(names, matrix.T, strict=True)), "given_label": given, "is_error": wrong}
    return _known("tables", pa.table(columns), dict.fromkeys(names, "feature"))


def label_sets(
    data: Path, only: Kind | None = None, made_up_rows: int = 20_000
) -> Iterator[tuple[str, LabelSet]]:
    """Yield the name of each set, and the set."""
    sets: list[tuple[Kind, str, Callable[[], LabelSet]]] = [
        ("texts", "noisy AG News", partial(_texts, data / "noisy_agnews/val10k_med.parquet")),
        ("texts", "YouTube spam", partial(_texts, data / "youtube_spam/youtube.parquet")),
        (
            "texts",
            "magazine reviews",
            partial(_reviews, data / "dcai_magazine_reviews/train.parquet"),
        ),
        ("tables", "music genre", partial(_music, data / "music_genre_crowd")),
    ]
    for project in JIRA_PROJECTS:
        path = data / "jira_defects" / f"{project}.parquet"
        sets.append(("tables", f"JIRA {project}", partial(_jira, path)))
    if made_up_rows:
        sets.append(("tables", "made up", partial(made_up, made_up_rows)))
    sets += [
        ("images", f"digits, {rate:.0%} {noise}", partial(_planted, noise, rate))
        for noise in NOISES
        for rate in RATES
    ]
    for kind, name, load in sets:
        if only in (None, kind):
            yield name, load()


def reviewed_sets(data: Path) -> Iterator[tuple[str, pa.Table]]:
    """Yield sets with given probabilities `p0`… whose flagged rows were reviewed by people.

    The column `mturk_error` is null where nobody looked.
    """
    for name in ("mnist_test", "20news_test", "imdb_test"):
        yield name, pq.read_table(data / "label_errors" / f"{name}.parquet")
