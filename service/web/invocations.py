"""``/ping`` and ``/invocations``: what SageMaker asks of a container, and MLflow's scoring server of a client.

The JSON is MLflow's, all four shapes of it; the other formats are those of ``/predict``. An answer is JSON, as MLflow's
always is, unless ``Accept`` prefers another.
"""

from __future__ import annotations

import orjson
from flask import Blueprint, Response, request

from service import __version__
from service.config import Settings
from service.core.predictor import Predictor
from service.errors import MalformedRequest
from service.web.calls import Call, call_of
from service.web.dataplane import DataPlane
from service.web.envelope import Envelope, NoParameters, Rows
from service.web.exchange import Reply, receive, reply
from service.web.formats import acceptable, csv, format_of, json, ndjson
from service.web.formats.format import Answer
from service.web.frames import predict_columns, predict_records, predict_split

JSON_LINES = "application/jsonlines"
"""SageMaker's name for NDJSON."""

HEADERLESS = (
    "the first line of the CSV names no field of the model: expected a header, or the content type "
    "text/csv; header=absent and a column for each field in the order in which GET / lists them"
)


class InvocationDocument(Envelope):
    """MLflow's body: rows in one of four shapes, and parameters, which a model of ours has none of."""

    ROWS = ("dataframe_split", "dataframe_records", "instances", "inputs")

    dataframe_split = Rows()
    dataframe_records = Rows()
    instances = Rows()
    inputs = Rows()
    params = NoParameters()


def create_blueprint(plane: DataPlane, settings: Settings) -> Blueprint:
    """The blueprint of both platforms' endpoints, over what the data plane gives."""
    blueprint = Blueprint("invocations", __name__)
    envelope = InvocationDocument()
    # Batch transform sends up to 6 MB at once if it is not told of a bound, in units of 1 MB, of which 0 is none.
    megabytes = max(1, settings.max_body_bytes // 2**20)
    execution = {
        "MaxConcurrentTransforms": settings.workers,
        "BatchStrategy": "MULTI_RECORD",
        "MaxPayloadInMB": megabytes,
    }

    @blueprint.get("/ping")
    def ping() -> Response:
        plane.predictor(call_of(request.environ))
        return Reply(b"", "application/json")

    @blueprint.get("/version")
    def version() -> Response:
        return Reply(__version__.encode(), "text/plain; charset=utf-8")

    @blueprint.get("/execution-parameters")
    def execution_parameters() -> Response:
        return Reply(orjson.dumps(execution), "application/json")

    @blueprint.post("/invocations")
    def invocations() -> Response:
        environ = request.environ
        call = call_of(environ)
        predictor = plane.predictor(call)
        given = format_of(_as_ours(environ.get("CONTENT_TYPE")))
        wanted = acceptable(_as_ours(environ.get("HTTP_ACCEPT")), json.FORMAT)
        if wanted.media_type == given.media_type:
            wanted = given  # a CSV that came without a header goes without one
        body = receive(plane, environ)
        if given is json.FORMAT:
            answer = plane.predict_json(call, predictor, body)
            if answer is None:
                answer = _predict(plane, call, predictor, *envelope.open(body))
        elif given is csv.FORMAT and not csv.names_a_field(body, predictor.schema):
            raise MalformedRequest(HEADERLESS)
        else:
            answer = plane.predict(call, predictor, given, body)
        return reply(answer, wanted, predictor)

    return blueprint


def _as_ours(header: str | None) -> str | None:
    return header and header.replace(JSON_LINES, ndjson.FORMAT.media_type)


def _predict(plane: DataPlane, call: Call, predictor: Predictor, key: str, rows: object) -> Answer:
    if key == "dataframe_split":
        return predict_split(plane, call, predictor, key, rows)
    if key == "inputs" and not isinstance(rows, list):
        return predict_columns(plane, call, predictor, key, rows)
    return predict_records(plane, call, predictor, key, rows)
