"""The same model in a service of BentoML. ``bentoml serve bento_service:Clicks``"""

import bentoml
from classic import FIELDS, Model
from pydantic import create_model

Row = create_model("Row", **{name: (str | None, ...) for name in FIELDS})


@bentoml.service(workers=2, logging={"access": {"enabled": False}}, metrics={"enabled": False})
class Clicks:
    def __init__(self) -> None:
        self._model = Model()

    @bentoml.api
    def predict(self, instances: list[Row]) -> list[float]:
        rows = [[f"{name}={value}" for name, value in row.__dict__.items()] for row in instances]
        return self._model.predict(rows)
