"""How much a row of each class counts when a model is trained."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from curation.errors import UsageError

WeightsBy = Literal["balanced", "effective"]

WEIGHT_COLUMN = "class_weight"
BETA = 0.999
"""The beta that is used where none is given; of those tried in the paper the one in the middle."""


def class_weights(
    counts: Mapping[str, int], by: WeightsBy = "balanced", *, beta: float = BETA
) -> dict[str, float]:
    """Return the weight of each class's rows, above 0; their mean over all rows is 1.

    - balanced: n / (k · n_c), so that all classes together count the same (King and Zeng 2001,
      Logistic Regression in Rare Events Data, section 4);
    - effective: in proportion to (1 - beta) / (1 - beta^n_c), one over the effective number of
      samples (Cui et al. 2019, Class-Balanced Loss Based on Effective Number of Samples, section
      3): from no weighting at beta 0 towards balanced at beta 1.

    Args:
        counts: class to rows, each 1 or more.
        by: which of them.
        beta: above 0 and below 1.

    Raises:
        UsageError: beta is not.
    """
    if not 0 < beta < 1:
        raise UsageError(f"beta must be above 0 and below 1, got {beta}. Try {BETA}.")
    if by == "balanced":
        raw = {name: 1 / size for name, size in counts.items()}
    else:
        # expm1 and log1p keep the digits where beta is so near 1 that beta^n rounds to 1.
        raw = {
            name: (1 - beta) / -math.expm1(size * math.log1p(beta - 1))
            for name, size in counts.items()
        }
    rows = sum(counts.values())
    sum_of_weights = math.fsum(raw[name] * size for name, size in counts.items())
    return {name: weight * rows / sum_of_weights for name, weight in raw.items()}
