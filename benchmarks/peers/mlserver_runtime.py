"""MLServer's custom runtime around the same model: a tensor of strings for each field, as its V2 protocol has it."""

from classic import FIELDS, Model
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

import numpy as np


class Clicks(MLModel):
    async def load(self) -> bool:
        self._model = Model()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        columns = {one.name: StringCodec.decode_input(one) for one in payload.inputs}
        named = [[f"{name}={value}" for value in columns[name]] for name in FIELDS]
        rows = [list(row) for row in zip(*named, strict=True)]
        probabilities = np.array(self._model.predict(rows))
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("predict", probabilities)])
