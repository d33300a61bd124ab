"""A Flask view that does nothing: what Flask and gunicorn themselves cost."""

from flask import Flask, Response

ANSWER = b'{"predictions":[0.5],"model":"nothing","version":"0"}'

app = Flask(__name__, static_folder=None)


@app.post("/predict")
def predict() -> Response:
    return Response(ANSWER, mimetype="application/json")
