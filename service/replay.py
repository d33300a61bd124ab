"""Requests that a service has logged, scored again with another version, beside what they were answered then.

With the version that answered them each difference is exactly 0, or training and serving are not the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import orjson
from numpy.typing import NDArray

from service.core.model import Probabilities
from service.core.predictor import Predictor
from service.errors import EventsError, InvalidRequest

SUFFIX = ".ndjson"

BATCH_ROWS = 1_000

QUANTILES = (0.5, 0.9, 0.99, 0.999)

THRESHOLDS = (0.1, 0.5, 0.9)
"""Rows above these are counted, unless others are asked for."""

Progress: TypeAlias = Callable[[float], None]
_Instance: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Above:
    """How many of the scored rows have a probability above a threshold, as shares; ``moved``: then or now, not both."""

    threshold: float
    then: float
    now: float
    moved: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What was answered then, beside what the candidate answers now.

    All but the counts is over the rows that the candidate could score, and ``None`` without any.

    Attributes:
        model, version: what answered then; ``None``: all of them together.
        rows: that were logged.
        unscored: that the candidate's schema does not accept.
        mean_then, mean_now: of the probabilities.
        mean, most: of the absolute difference.
        quantiles: of the absolute difference, at ``QUANTILES``.
    """

    model: str | None
    version: str | None
    rows: int
    unscored: int
    mean_then: float | None
    mean_now: float | None
    mean: float | None
    most: float | None
    quantiles: tuple[float, ...]
    above: tuple[Above, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A log, scored again.

    Attributes:
        model, version: the candidate.
        total: all rows together.
        by_version: the same of each version that answered, in the order in which they appear.
        reasons: why rows could not be scored, and how many; a row may have several.
        torn: lines that a crash has cut off, which are left out.
    """

    model: str
    version: str
    total: Difference
    by_version: tuple[Difference, ...]
    reasons: tuple[tuple[str, int], ...]
    torn: int

    def within(self, most: float) -> bool:
        """Whether every row could be scored, and the mean absolute difference is no greater than ``most``."""
        return self.total.mean is not None and not self.total.unscored and self.total.mean <= most

    def to_document(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "model": self.model,
            "version": self.version,
            "total": _document(self.total),
            "by_version": [_document(each) for each in self.by_version],
            "reasons": [{"reason": reason, "rows": rows} for reason, rows in self.reasons],
            "torn": self.torn,
        }


def replay(
    predictor: Predictor,
    paths: Iterable[Path],
    *,
    thresholds: Sequence[float] = THRESHOLDS,
    progress: Progress = lambda done: None,
) -> Replay:
    """Score what is logged in files, or in those of folders, with ``predictor``, and compare.

    It takes 8 bytes of memory a row.

    Args:
        progress: called with the share of the log that was read, from 0 to 1.

    Raises:
        EventsError: a line is none of a request log, and not the last of its file; or there is none at all.
    """
    log = _Log(files_of(paths))
    tallies: dict[tuple[str, str], _Tally] = {}
    reasons: Counter[str] = Counter()
    for batch in log.batches():
        answers = _answers(predictor, [line.instance for line in batch], reasons)
        for key in dict.fromkeys((line.model, line.version) for line in batch):
            tally = tallies.setdefault(key, _Tally(thresholds))
            rows = [(line, now) for line, now in zip(batch, answers, strict=True) if (line.model, line.version) == key]
            scored = [(line.probability, now) for line, now in rows if now is not None]
            tally.add(np.asarray(scored, dtype=np.float64).reshape(-1, 2), unscored=len(rows) - len(scored))
        progress(log.done)
    if not tallies:
        raise EventsError(file=", ".join(map(str, paths)), message="no request was logged")
    total = _Tally(thresholds)
    for each in tallies.values():
        total.take(each)
    return Replay(
        model=predictor.name,
        version=predictor.version,
        total=total.difference(None, None),
        by_version=tuple(tally.difference(*key) for key, tally in tallies.items()),
        reasons=tuple(reasons.most_common()),
        torn=log.torn,
    )


def files_of(paths: Iterable[Path]) -> list[Path]:
    """The files, and those of the folders among them, in the order of their names.

    Raises:
        EventsError: a folder has none.
    """
    files: list[Path] = []
    for path in paths:
        found = sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else [path]
        if not found:
            raise EventsError(file=str(path), message=f"there is no file *{SUFFIX} in it")
        files += found
    return files


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    model: str
    version: str
    instance: _Instance
    probability: float


class _Log:
    """The lines of files.

    Attributes:
        done: the share of their bytes that was read.
        torn: how many lines were cut off.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self.done = 0.0
        self.torn = 0
        self._files = files

    def batches(self) -> Iterator[list[_Line]]:
        """Some lines at once, none of them twice."""
        sizes = [path.stat().st_size for path in self._files]
        total, before = max(1, sum(sizes)), 0
        batch: list[_Line] = []
        for path, size in zip(self._files, sizes, strict=True):
            read = 0
            for line, length in self._lines(path):
                read += length
                batch.append(line)
                if len(batch) == BATCH_ROWS:
                    self.done = min(1.0, (before + read) / total)
                    yield batch
                    batch = []
            before += size
        self.done = 1.0
        if batch:
            yield batch

    def _lines(self, path: Path) -> Iterator[tuple[_Line, int]]:
        with open(path, "rb") as file:
            for row, text in enumerate(file, start=1):
                try:
                    document: object = orjson.loads(text)
                except orjson.JSONDecodeError:
                    if not text.endswith(b"\n"):  # only the last one can be without its end
                        self.torn += 1
                        return
                    raise EventsError(file=path.name, row=row, message="it is no JSON") from None
                yield _line(document, path, row), len(text)


def _line(document: object, path: Path, row: int) -> _Line:
    if isinstance(document, dict):
        model, version = document.get("model"), document.get("version")
        instance, probability = document.get("instance"), document.get("probability")
        if (
            isinstance(model, str)
            and isinstance(version, str)
            and isinstance(instance, dict)
            and isinstance(probability, (int, float))
            and not isinstance(probability, bool)
            and 0 <= probability <= 1
        ):
            return _Line(model=model, version=version, instance=instance, probability=probability)
    expected = "expected an object with a model, a version, an instance and its probability"
    raise EventsError(file=path.name, row=row, message=f"it is no line of a request log: {expected}")


def _answers(predictor: Predictor, instances: Sequence[_Instance], reasons: Counter[str]) -> list[float | None]:
    """The probability of each instance; ``None`` where the candidate's schema does not accept it."""
    answers = predictor.predict_json(orjson.dumps({"instances": instances}), max_rows=len(instances))
    if answers is not None:
        return list(answers)
    if len(instances) > 1:
        return [_answers(predictor, [each], reasons)[0] for each in instances]
    try:
        rows = predictor.request_document.check({"instances": instances})
    except InvalidRequest as error:
        reasons.update({str(problem).removeprefix("instances.0."): 1 for problem in error.problems})
        return [None]
    return list(predictor.predict_rows(rows))


class _Tally:
    """What is added up over batches."""

    def __init__(self, thresholds: Sequence[float]) -> None:
        self.rows = self.unscored = 0
        self.sums = np.zeros(2)
        self.differences: list[Probabilities] = []
        self.thresholds = np.asarray(thresholds, dtype=np.float64)
        self.above = np.zeros((3, len(self.thresholds)), dtype=np.int64)

    def add(self, scored: NDArray[np.float64], *, unscored: int) -> None:
        """Add rows: their probabilities then and now, ``(n_rows, 2)``, and how many have none now."""
        self.rows += len(scored) + unscored
        self.unscored += unscored
        self.sums += scored.sum(axis=0)
        self.differences.append(np.abs(scored[:, 1] - scored[:, 0]))
        then, now = (scored[:, column, np.newaxis] > self.thresholds for column in (0, 1))
        self.above += np.stack([each.sum(axis=0) for each in (then, now, then ^ now)])

    def take(self, other: _Tally) -> None:
        """Add all that another has."""
        self.rows += other.rows
        self.unscored += other.unscored
        self.sums += other.sums
        self.differences += other.differences
        self.above += other.above

    def difference(self, model: str | None, version: str | None) -> Difference:
        """What came of it."""
        differences = np.concatenate(self.differences)
        n_scored = len(differences)
        then, now = self.sums.tolist()
        return Difference(
            model=model,
            version=version,
            rows=self.rows,
            unscored=self.unscored,
            mean_then=then / n_scored if n_scored else None,
            mean_now=now / n_scored if n_scored else None,
            mean=float(differences.mean()) if n_scored else None,
            most=float(differences.max()) if n_scored else None,
            quantiles=tuple(np.quantile(differences, QUANTILES).tolist()) if n_scored else (),
            above=tuple(
                Above(threshold=threshold, then=then / n_scored, now=now / n_scored, moved=moved / n_scored)
                for threshold, then, now, moved in zip(self.thresholds.tolist(), *self.above.tolist(), strict=True)
            )
            if n_scored
            else (),
        )


def _document(difference: Difference) -> dict[str, Any]:
    return {
        "model": difference.model,
        "version": difference.version,
        "rows": difference.rows,
        "unscored": difference.unscored,
        "mean_then": difference.mean_then,
        "mean_now": difference.mean_now,
        "mean_absolute_difference": difference.mean,
        "max_absolute_difference": difference.most,
        "quantiles": {str(at): value for at, value in zip(QUANTILES, difference.quantiles, strict=False)},
        "above": [
            {"threshold": each.threshold, "then": each.then, "now": each.now, "moved": each.moved}
            for each in difference.above
        ],
    }
