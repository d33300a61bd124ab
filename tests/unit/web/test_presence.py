"""Whether a field has its column."""

from service.core.features import Field
from service.web.formats.presence import misfit


COUNTS = [
    (True, 0, "nothing: the field is required"),
    (True, 1, None),
    (True, 2, "2 columns of this name"),
    (False, 0, None),
    (False, 1, None),
    (False, 3, "3 columns of this name"),
]


def test_a_field_has_one_column_or_may_have_none():
    for required, count, found in COUNTS:
        problem = misfit(Field(name="hour", type="integer", required=required), count, path="columns.hour")
        told = problem and (problem.path, problem.found)
        assert told == (found and ("columns.hour", found)), (required, count)
