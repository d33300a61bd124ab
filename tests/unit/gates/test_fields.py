"""The kinds of values in contracts and reports, at the ends of what JSON's integers of 64 bits can hold."""

import marshmallow as ma
import pytest

from service.errors import Problem
from service.gates import Bound
from service.gates.fields import Count, Number, OneOf

LOWEST, HIGHEST = -(2**63), 2**63 - 1


@pytest.mark.parametrize(
    ("value", "kind"),
    [(LOWEST, int), (HIGHEST, int), (0, int), (0.5, float), (LOWEST - 1, float), (HIGHEST + 1, float), (2**70, float)],
)
def test_an_integer_that_no_report_can_hold_becomes_a_double(value, kind):
    number = Number().deserialize(value)
    assert (number, type(number)) == (kind(value), kind)


@pytest.mark.parametrize(
    ("kind", "value", "expected", "found"),
    [
        (Number("a share", bound=Bound(low=0, high=1)), 1.5, "a share", "1.5"),
        (Number("a share", bound=Bound(low=0, high=1)), -1, "a share", "-1"),
        (OneOf("cold", "head"), "hot", "one of cold, head", "'hot'"),
    ],
)
def test_a_value_that_is_refused_is_shown_beside_what_was_expected(kind, value, expected, found):
    with pytest.raises(ma.ValidationError) as caught:
        kind.deserialize(value)
    assert caught.value.messages == [Problem(expected=expected, found=found)]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (LOWEST, str(LOWEST)),
        (HIGHEST, str(HIGHEST)),
        (LOWEST - 1, "an integer out of range"),
        (HIGHEST + 1, "an integer out of range"),
    ],
)
def test_a_count_that_no_report_can_hold_is_not_written_out(value, found):
    with pytest.raises(ma.ValidationError) as caught:
        Count("a few", low=1, high=3).deserialize(value)
    assert caught.value.messages == [Problem(expected="a few", found=found)]
