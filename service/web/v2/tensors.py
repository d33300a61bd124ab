"""Tensors to columns: which of them the model takes, and whether they are for its fields and of as many rows."""

from __future__ import annotations

from collections.abc import Sequence

from service.core.columns import Column, Missing
from service.core.features import EXPECTED, Schema
from service.errors import InvalidRequest, Problem, TooManyRows
from service.web.formats.arrays import BadValue
from service.web.formats.format import Bounds
from service.web.v2.datatypes import DATATYPES
from service.web.v2.elements import column
from service.web.v2.inference import MISSING, Inference, Tensor, Unfit


def place_of(name: str, row: int | None) -> str:
    """The path of a field's value in a row, or of all of them."""
    return f"inputs.{name}.data" if row is None else f"inputs.{name}.data.{row}"


def columns(given: Inference, schema: Schema, bounds: Bounds) -> dict[str, Column]:
    """A column for each field of the schema, all of as many rows; inputs that it does not use are not looked at.

    Raises:
        TooManyRows: there are more than the bounds allow; none of them is looked at.
        MalformedRequest: binary data of another length than the tensor's.
        InvalidRequest: the tensors are not what the model expects; of each, the first value that is not is listed.
    """
    if len(given.inputs) > bounds.max_columns:
        expected = f"at most {bounds.max_columns:,} inputs"
        raise InvalidRequest([Problem(path="inputs", expected=expected, found=f"{len(given.inputs):,}")])
    problems = _misplaced_marks(given, schema)
    chosen = _choose(given.inputs, schema, problems)
    n_rows = _common_rows(chosen, problems)
    if problems:
        raise InvalidRequest(problems)
    if n_rows > bounds.max_rows:
        raise TooManyRows(rows=n_rows, most=bounds.max_rows)
    made: dict[str, Column] = {}
    for field in schema.fields:
        try:
            made[field.name] = column(field, chosen[field.name], n_rows) if field.name in chosen else Missing(n_rows)
        except BadValue as bad:
            path = place_of(field.name, bad.row)
            problems.append(Problem(path=path, expected=EXPECTED[field.type], found=bad.found))
        except Unfit as unfit:
            problems.append(unfit.problem)
    if problems:
        raise InvalidRequest(problems)
    return made


def _misplaced_marks(given: Inference, schema: Schema) -> list[Problem]:
    """Parameters that would say what is missing, were there such an input: a value may have been meant to be."""
    known = {f"{MISSING}.{name}" for name in (*(f.name for f in schema.fields), *(each.name for each in given.inputs))}
    unknown = [name for name in given.parameters if name.startswith(MISSING) and name not in known]
    expected = f"{MISSING}.NAME with the name of a field or an input"
    return [Problem(path="parameters", expected=expected, found="another name")] if unknown else []


def _choose(inputs: Sequence[Tensor], schema: Schema, problems: list[Problem]) -> dict[str, Tensor]:
    """For each field that has one, its tensor, of a datatype that it takes."""
    by_name: dict[str, list[Tensor]] = {}
    for tensor in inputs:
        by_name.setdefault(tensor.name, []).append(tensor)
    chosen: dict[str, Tensor] = {}
    for field in schema.fields:
        path, expected = f"inputs.{field.name}", EXPECTED[field.type]
        tensors = by_name.get(field.name, [])
        if len(tensors) > 1:
            problems.append(Problem(path=path, expected="one input of this name", found=f"{len(tensors)} of them"))
        elif not tensors:
            if field.required:
                problems.append(Problem(path=path, expected=expected, found=field.absent().found))
        elif tensors[0].datatype not in DATATYPES[field.type]:
            expected = f"one of {', '.join(DATATYPES[field.type])}"
            problems.append(Problem(path=f"{path}.datatype", expected=expected, found="another datatype"))
        else:
            chosen[field.name] = tensors[0]
    if not chosen and not problems:
        problems.append(Problem(path="inputs", expected="an input that is a field of the model", found="none"))
    return chosen


def _common_rows(chosen: dict[str, Tensor], problems: list[Problem]) -> int:
    """How many rows the tensors have, all as many as the first one."""
    first, n_rows = "", 0
    for name, tensor in chosen.items():
        path, rows = f"inputs.{name}.shape", _n_rows(tensor)
        if rows is None:
            problems.append(Problem(path=path, expected="[n] or [n, 1]", found="another shape"))
        elif not first:
            first, n_rows = name, rows
        elif rows != n_rows:
            problems.append(Problem(path=path, expected=f"the {n_rows} rows of {first}", found=f"{rows} rows"))
    return n_rows


def _n_rows(tensor: Tensor) -> int | None:
    """How many rows a shape has; ``None``: it is not that of a column."""
    shape = tensor.shape
    return shape[0] if len(shape) == 1 or (len(shape) == 2 and shape[1] == 1) else None
