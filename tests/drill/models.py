"""The catalogue: defective models, each with the checks that should stop it, and honest retrainings that pass all."""

from dataclasses import replace

import bad_events
import bad_models
from defects import Defect

from service.demo import RUN
from service.gates import GATES

_ORDER = (*GATES, "verification")


def _place(defect):
    return _ORDER.index(defect.stopped_by[0].partition(":")[0])


_DEFECTS = [one for module in (bad_events, bad_models) for one in vars(module).values() if isinstance(one, Defect)]

CATALOGUE = {defect.name: defect for defect in sorted(_DEFECTS, key=_place)}
"""All defective models by name, in the order of the gates that should stop them."""


def reseeded(step):
    """The flights of the current version, another seed."""
    return lambda works: works.train(run=replace(RUN, seed=works.seed + step))


def moved(*, starts=0, ends=0):
    """The seed of the current version; training starts and ends some days later (earlier, if negative)."""
    return lambda works: works.train(works.learned(starts=starts, ends=ends), run=replace(RUN, seed=works.seed))


HONEST = {
    **{f"seed+{step}": reseeded(step) for step in range(1, 11)},
    **{f"ends{days:+}d": moved(ends=days) for days in (-14, -7, -3, -1, 1, 3, 7, 14)},
    **{f"window{days:+}d": moved(starts=days, ends=days) for days in (7, 14)},
}
"""Twenty honest retrainings by name: other seeds, and a few days more, fewer, or later."""
