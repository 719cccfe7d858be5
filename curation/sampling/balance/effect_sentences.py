"""What measured effects of balancing say, in plain sentences and no more than the figures show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from curation.sampling.balance.balance_effect import ModelEffect, OptionEffect
from curation.sampling.balance.effect_figures import METRICS
from curation.sampling.balance.effect_intervals import Difference
from curation.sampling.balance.effect_options import DECIDED

_MOST_NAMED: Final = 3
_LEAST_SHOWN: Final = 0.0005
"""A smaller difference is 0.000 on the page, and is no difference in a sentence."""
_LEAST_RECALL: Final = 0.005


def sentences(effect: ModelEffect) -> list[str]:
    """Return first what holds for all options, then one text an option.

    A difference is called one where its 95% interval leaves out 0, that of a single class where the
    interval does that holds for all classes together (Bonferroni).
    """
    rest = [one for one in effect.options[1:] if one.option != DECIDED]
    if not rest:
        return [
            "The classes are even, or no option was asked for that changes them: nothing to "
            "compare."
        ]
    true = effect.options[0].shares
    told = [_overall(rest), *(_of_option(one, true) for one in rest)]
    told += [_decided(one, true) for one in effect.options if one.option == DECIDED]
    return [text for text in told if text]


def ranks(effect: OptionEffect) -> int:
    """Return 1 where the option ranks better than the rows as they are, -1 where worse, else 0."""
    return _verdict([effect.differences["auroc"], effect.differences["average_precision"]])


def calibrates(effect: OptionEffect, *, corrected: bool = False) -> int:
    """Return 1 where probabilities can be believed more than before, -1 where less, else 0."""
    found = effect.corrected_differences if corrected else effect.differences
    return -_verdict([found["log_loss"], found["calibration_error"]]) if found else 0


def _verdict(differences: list[Difference]) -> int:
    """Return the sign that differences agree on, those that tell nothing left aside; else 0."""
    signs = {one.sign() for one in differences if abs(one.value) >= _LEAST_SHOWN} - {0}
    return signs.pop() if len(signs) == 1 else 0


def _overall(rest: list[OptionEffect]) -> str:
    better = [one.option.title for one in rest if ranks(one) > 0]
    harmed = sum(calibrates(one) < 0 for one in rest)
    if better:
        return f"Better ranking than the rows as they are: {', '.join(better)}."
    text = "No option ranks better than the rows as they are"
    if harmed:
        those = "all" if harmed == len(rest) else f"{harmed} of {len(rest)}"
        return f"{text}, and {those} harm{'s' if harmed == 1 else ''} calibration."
    return f"{text}, and none harms calibration."


def _of_option(one: OptionEffect, true: Mapping[str, float]) -> str:
    said = [text for text in (_quality(one), _recall(one, true)) if text]
    if not said:
        return (
            f"{one.option.title}: no evidence that it changes ranking, calibration or recall "
            f"({_figure(one, 'auroc')}; {_figure(one, 'log_loss')})."
        )
    return f"{one.option.title} {'; it '.join(said)}.{_after_correction(one)}"


def _quality(one: OptionEffect) -> str:
    ranking, calibration = ranks(one), calibrates(one)
    order = _figure(one, "auroc" if _tells(one, "auroc") or not ranking else "average_precision")
    belief = _figure(one, "log_loss" if _tells(one, "log_loss") else "calibration_error")
    if calibration < 0:
        beside = {1: "but ranks better", 0: "without better ranking", -1: "and ranks worse"}
        return f"harms calibration ({belief}) {beside[ranking]} ({order})"
    said = [f"ranks {'better' if ranking > 0 else 'worse'} ({order})"] if ranking else []
    said += [f"makes probabilities more believable ({belief})"] if calibration else []
    return " and ".join(said)


def _recall(one: OptionEffect, true: Mapping[str, float]) -> str:
    smaller = [label for label, share in true.items() if share < 1 / len(true)]
    larger = [label for label in true if label not in smaller]
    small, large = _change(one, "small_recall"), _change(one, "large_recall")
    if small > 0 > large:
        return (
            f"finds more rows of {_group(one, smaller, 'smaller', 1)} at the price of fewer of "
            f"{_group(one, larger, 'larger', -1)}"
        )
    said = [
        f"finds {'more' if sign > 0 else 'fewer'} rows of {_group(one, labels, which, sign)}"
        for sign, labels, which in ((small, smaller, "smaller"), (large, larger, "larger"))
        if sign
    ]
    return " and ".join(said)


def _change(one: OptionEffect, metric: str) -> int:
    found = one.differences[metric]
    return found.sign() if abs(found.value) >= _LEAST_RECALL else 0


def _group(one: OptionEffect, labels: list[str], which: str, sign: int) -> str:
    """Name a group of classes, how its recall changed, and the classes where that is surest."""
    found = one.differences[f"{'small' if which == 'smaller' else 'large'}_recall"]
    points = f"recall {_with_interval(found, 100, 0)} points"
    if len(labels) == 1:
        return f"{labels[0]} ({points})"
    changes = {label: sign * one.recall_differences[label].value for label in labels}
    sure = [
        label
        for label in sorted(changes, key=lambda label: -changes[label])
        if one.recall_differences[label].sign(len(one.recall)) == sign
    ]
    most = f"; most {', '.join(sure[:_MOST_NAMED])}" if sure else ""
    return f"the {which} classes ({points}{most})"


def _after_correction(one: OptionEffect) -> str:
    if calibrates(one) >= 0 or not one.corrected:
        return ""
    left = f"log loss {_with_interval(one.corrected_differences['log_loss'])}"
    if calibrates(one, corrected=True) < 0:
        return f" The prior correction does not mend all of it ({left})."
    return f" The prior correction mends it ({left})."


def _decided(one: OptionEffect, true: Mapping[str, float]) -> str:
    recall = _recall(one, true)
    if not recall:
        return ""
    return (
        f"{one.option.title} (the model of the rows as they are, taking the class with the largest "
        f"probability for its share) {recall}; ranking and calibration stay as they are."
    )


def _tells(one: OptionEffect, metric: str) -> bool:
    found = one.differences[metric]
    return bool(found.sign()) and abs(found.value) >= _LEAST_SHOWN


def _figure(one: OptionEffect, metric: str) -> str:
    name = METRICS[metric].title
    name = name if name.isupper() else name.lower()
    return f"{name} {_with_interval(one.differences[metric])}"


def _with_interval(difference: Difference, times: float = 1, digits: int = 3) -> str:
    """Return for example ``+0.072, 0.063 to 0.081``."""
    found = difference.interval()
    value = signed(difference.value * times, digits)
    if found is None:
        return value
    low, high = (signed(end * times, digits).removeprefix("+") for end in found)
    return f"{value}, {low} to {high}"


def signed(value: float, digits: int) -> str:
    """Return a number with its sign, a true minus, and no sign for what rounds to 0."""
    text = f"{abs(value):.{digits}f}"
    if not float(text):
        return text
    return f"{'+' if value > 0 else '−'}{text}"
