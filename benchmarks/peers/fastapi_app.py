"""The classic stack: FastAPI, pydantic, scikit-learn. ``uvicorn fastapi_app:app --workers 2 --no-access-log``"""

from classic import FIELDS, Model
from fastapi import FastAPI
from pydantic import BaseModel, create_model

Row = create_model("Row", **{name: (str | None, ...) for name in FIELDS})


class Question(BaseModel):
    instances: list[Row]


class Answer(BaseModel):
    predictions: list[float]
    model: str = "clicks"
    version: str = "1"


app = FastAPI()
model = Model()


@app.post("/predict")
async def predict(question: Question) -> Answer:
    """On the event loop: the work is the processor's alone, and a thread of a pool would only wait for it."""
    rows = [[f"{name}={value}" for name, value in row.__dict__.items()] for row in question.instances]
    return Answer(predictions=model.predict(rows))
