"""KServe's own client of protocol v1, which is TensorFlow Serving's."""

from functools import partial

import kserve_rest
import pytest
from httpx import HTTPStatusError

ask = partial(kserve_rest.ask, "v1")


def test_the_server_is_alive_and_the_model_ready(service):
    assert ask(service, "is_server_live") is True
    assert ask(service, "is_model_ready", service.model) is True


@pytest.mark.parametrize("key", ["instances", "inputs"])
def test_rows_are_predicted(service, rows, key):
    answer = ask(service, "infer", {key: rows}, model_name=service.model)
    assert answer["predictions"] == service.predicted(rows)


def test_the_client_has_the_reason_for_what_is_refused(service):
    wrong = {"instances": [{"page": "a", "visits": "7"}]}
    with pytest.raises(HTTPStatusError, match="instances.0.visits: expected an integer"):
        ask(service, "infer", wrong, model_name=service.model)
    with pytest.raises(HTTPStatusError, match="no model of this name answers here"):
        ask(service, "is_model_ready", "other")
