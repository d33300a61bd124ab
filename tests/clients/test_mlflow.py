"""MLflow's own client of a scoring server, whose routes are SageMaker's too: `/ping`, `/version`, `/invocations`."""

import warnings

import pandas as pd
import pytest

from service import __version__

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns of types of its own
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient


@pytest.fixture
def client(service):
    return ScoringServerClient(*service.address.split(":"))


def test_it_is_ready_and_says_what_it_is(client):
    client.wait_server_ready(timeout=10)
    assert client.get_version() == __version__


def test_a_frame_gets_the_probabilities_of_predict(service, client, rows):
    frame = pd.DataFrame(rows, dtype=object)  # else what is missing among integers would make floats of them
    assert client.invoke(frame)["predictions"] == service.predicted(rows)


def test_rows_do_too(service, client, rows):
    assert client.invoke(rows)["predictions"] == service.predicted(rows)


def test_what_is_wrong_comes_as_the_clients_own_error(client):
    frame = pd.DataFrame([{"page": "a", "visits": 1.5}])
    with pytest.raises(Exception, match=r"error code 422.*dataframe_split\.data\.0\.visits"):
        client.invoke(frame)
    with pytest.raises(Exception, match="error code 4"):
        client.invoke(pd.DataFrame([{"page": "a"}]))
