"""A Flask view that does nothing: what Flask and gunicorn themselves cost. The settings ask for its two extensions."""

from types import SimpleNamespace

from flask import Flask, Response

from service.web import AUDIENCE, STOPPING

ANSWER = b'{"predictions":[0.5],"model":"nothing","version":"0"}'

app = Flask(__name__, static_folder=None)
app.extensions.update({STOPPING: SimpleNamespace(), AUDIENCE: SimpleNamespace(observers=(), close=lambda: None)})


@app.post("/predict")
def predict() -> Response:
    return Response(ANSWER, mimetype="application/json")
