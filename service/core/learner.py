"""Learn a hashed logistic model, row by row: FTRL-Proximal with per-coordinate learning rates.

McMahan et al. 2013, "Ad Click Prediction: a View from the Trenches" (KDD). With the gradient ``g`` of the log loss with
respect to the logit, each coordinate that a row touches keeps ``z`` and ``n``, the sum of squared gradients:

    w     = 0                                                      if |z| <= l1
            -(z - sign(z) l1) / ((beta + sqrt(n)) / alpha + l2)    otherwise
    sigma = (sqrt(n + g^2) - sqrt(n)) / alpha
    z    += g - sigma w
    n    += g^2

The loops are compiled (``service/kernels/learn.c``), in double precision and without reordering, so that a run can be
repeated to the bit.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from service.core.encoder import Buckets
from service.core.metrics import Labels
from service.core.model import Probabilities, Weights
from service.kernels import learning


@dataclass(frozen=True, slots=True, kw_only=True)
class FTRL:
    """Parameters of FTRL-Proximal; the defaults were measured (``docs/decisions/0003-learner.md``).

    Attributes:
        alpha: learning rate of a coordinate that has seen little.
        beta: how slowly that rate falls at first.
        l1: weights whose evidence stays below this are zero.
        l2: strength of the pull towards zero.

    Raises:
        ValueError: a parameter is outside its bounds.
    """

    alpha: float = 0.03
    beta: float = 1.0
    l1: float = 1.0
    l2: float = 10.0

    def __post_init__(self) -> None:
        for name, low, high in (("alpha", 1e-6, 1e3), ("beta", 0.0, 1e6), ("l1", 0.0, 1e6), ("l2", 0.0, 1e6)):
            value = getattr(self, name)
            if not low <= value <= high:  # this way round, NaN is outside
                raise ValueError(f"{name} must be from {low:g} to {high:g}, not {value!r}")


class Learner:
    """Learns from batches of encoded rows, in their order.

    The intercept is a coordinate of its own, the last, that every row touches; it has the same learning rate and no
    regularisation. Of a bucket that two slots of one row share, each slot makes its own update.

    Args:
        n_buckets: size of the table of weights. The state takes 16 bytes a bucket.
    """

    def __init__(self, *, n_buckets: int, parameters: FTRL) -> None:
        self.parameters = parameters
        self._state = np.zeros((n_buckets + 1, 2))

    def learn(self, buckets: Buckets, labels: Labels) -> Probabilities:
        """Learn a batch and return each row's probability *before* it was learned, shape ``(n_rows,)``.

        Args:
            buckets: shape ``(n_rows, n_slots)``.
            labels: 0 or 1, shape ``(n_rows,)``.

        Raises:
            ValueError: the shapes do not fit, or there is no such bucket; the rows before that are learned.
        """
        rows = np.ascontiguousarray(buckets)
        return learning.learn_rows(rows, labels, self._state, **asdict(self.parameters))

    def weights(self) -> Weights:
        """The weights learned so far, float32, shape ``(n_buckets + 1,)``, the intercept last."""
        return learning.learned_weights(self._state, **asdict(self.parameters))
