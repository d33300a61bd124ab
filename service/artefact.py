"""One immutable model folder: written once, named by its content, verified on every load.

    manifest.json   format, schema and its fingerprint, bucket contract, training run, digest of every other file
    weights.npy     float32, shape (n_buckets + 1,), the intercept last
    golden.json     requests with the probabilities that this model must give
    seen.npy        what training saw: hash and number of rows of each value of each field (see ``core.seen``)
    reports/        gate reports, which come later and are no part of the content

The version id is the first 32 hexadecimal digits of the SHA-256 of ``manifest.json``, which itself holds the SHA-256 of
the other files: any changed bit changes a digest. No pickle, no code. How the files are opened: ``sealed``.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from service.core import bucketer
from service.core.documents import Document, Strict, Text, load_document, load_schema
from service.core.features import Schema
from service.core.model import LinearModel, Weights
from service.core.predictor import Predictor
from service.core.seen import SEEN_TYPE, Seen
from service.durable import sync_folder, write_new
from service.errors import ArtefactInvalid, DocumentError, FeatureError
from service.sealed import CHUNK_BYTES, array_in, array_parts, read_sealed, read_whole

FORMAT = 2
"""The artefact format. Another bucket contract is another format."""

MANIFEST = "manifest.json"
WEIGHTS = "weights.npy"
GOLDEN = "golden.json"
SEEN = "seen.npy"
REPORTS = "reports"
CONTENT = (WEIGHTS, GOLDEN, SEEN)

ID_LENGTH = 32
"""Hexadecimal digits of a version id: 128 bits."""

GOLDEN_TOLERANCE = 1e-9
"""How far a golden answer may be off: the C libraries of two machines may differ in the last bit of ``exp``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """Requests and the probabilities that the model must give for them, one for one."""

    instances: Sequence[Mapping[str, object]]
    probabilities: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """A verified artefact: its manifest, the predictor that passed its golden requests, and what training saw."""

    version: str
    manifest: Mapping[str, Any]
    predictor: Predictor
    seen: Seen


class _ManifestDocument(Document):
    format = Strict(int, "the artefact format", required=True)
    name = Text(required=True)
    bucket_contract = Text(required=True)
    schema = Strict(dict, "a schema document", required=True)
    schema_fingerprint = Text(required=True)
    training = Strict(dict, "the training run", required=True)
    seen = Strict(dict, "a number of values for each field", required=True)
    files = Strict(dict, "a digest for each file", required=True)


class _FileDocument(Document):
    sha256 = Text(required=True)
    bytes = Strict(int, "a size in bytes", required=True)


class _GoldenDocument(Document):
    instances = Strict(list, "an array of objects", required=True)
    probabilities = Strict(list, "an array of numbers", required=True)


def write(
    folder: Path, *, schema: Schema, weights: Weights, golden: Golden, seen: Seen, training: Mapping[str, Any]
) -> str:
    """Write an artefact into ``folder`` (made here), every byte of it on the disk, and return its version id.

    The same arguments give the same bytes, hence the same id: nothing in ``training`` may be a time of day or a path.
    """
    folder.mkdir()
    answers = {"instances": list(golden.instances), "probabilities": list(golden.probabilities)}
    files = {
        WEIGHTS: write_new(folder / WEIGHTS, *array_parts(weights.astype("<f4", copy=False))),
        GOLDEN: write_new(folder / GOLDEN, _json(answers)),
        SEEN: write_new(folder / SEEN, *array_parts(seen.to_array())),
    }
    manifest = {
        "format": FORMAT,
        "name": schema.name,
        "bucket_contract": bucketer.CONTRACT,
        "schema": schema.to_document(),
        "schema_fingerprint": schema.fingerprint,
        "training": dict(training),
        "seen": seen.sizes,
        "files": files,
    }
    text = _json(manifest)
    write_new(folder / MANIFEST, text)
    sync_folder(folder)
    return version_id(text)


def version_id(manifest: bytes) -> str:
    """The id of the artefact whose manifest has these bytes."""
    return sha256(manifest).hexdigest()[:ID_LENGTH]


def size_of(manifest: Mapping[str, Any]) -> int:
    """The bytes of all files of the artefact with this manifest, which is itself one of them; reports not counted."""
    sizes: list[int] = [stated["bytes"] for stated in manifest["files"].values()]
    return len(_json(manifest)) + sum(sizes)


def read_manifest(folder: Path, version: str) -> dict[str, Any]:
    """The checked manifest of the artefact in ``folder``, without a look at the other files.

    Raises:
        ArtefactInvalid: it is not the manifest that gave the version its name, or breaks a rule.
    """
    text = read_whole(folder / MANIFEST, version)
    if version_id(text) != version:
        raise ArtefactInvalid(version=version, reason=f"{MANIFEST} is not the one that the version is named by")
    document = _parse(text, name=MANIFEST, version=version)
    number = document.get("format") if isinstance(document, dict) else None
    if type(number) is int and number != FORMAT:  # before all else: another format has other keys
        raise ArtefactInvalid(version=version, reason=f"format {number} is not {FORMAT}, the known one")
    manifest = _checked(_ManifestDocument(), document, name=MANIFEST, version=version)
    if manifest["bucket_contract"] != bucketer.CONTRACT:
        raise ArtefactInvalid(version=version, reason=f"its bucket contract is not {bucketer.CONTRACT}")
    if set(manifest["files"]) != set(CONTENT):
        raise ArtefactInvalid(version=version, reason=f"{MANIFEST} lists other files than {', '.join(CONTENT)}")
    for stated in manifest["files"].values():
        _checked(_FileDocument(), stated, name=MANIFEST, version=version)
    return manifest


def load(folder: Path, version: str) -> Artefact:
    """Open and verify an artefact: file set, digests, schema, finite weights, golden answers, the table of the seen.

    Raises:
        ArtefactInvalid: anything of that is not as it should be; the reason says what.
    """
    manifest = read_manifest(folder, version)
    _check_file_set(folder, version)
    content = {name: read_sealed(folder / name, version, manifest["files"][name]) for name in CONTENT}
    try:
        schema = load_schema(manifest["schema"], source=MANIFEST)
    except DocumentError as error:
        raise ArtefactInvalid(version=version, reason=str(error)) from None
    if schema.fingerprint != manifest["schema_fingerprint"] or schema.name != manifest["name"]:
        raise ArtefactInvalid(version=version, reason=f"schema and fingerprint in {MANIFEST} differ")
    model = LinearModel(_weights(content[WEIGHTS], schema, version))
    predictor = Predictor(schema=schema, model=model, version=version)
    check_golden(predictor, _golden(content[GOLDEN], version))
    seen = _seen(content[SEEN], manifest["seen"], schema, version)
    return Artefact(version=version, manifest=manifest, predictor=predictor, seen=seen)


def read_golden(folder: Path, version: str) -> Golden:
    """The golden requests of an artefact, verified, for a client that wants to ask them over HTTP.

    Raises:
        ArtefactInvalid: manifest or golden file are not as they should be.
    """
    manifest = read_manifest(folder, version)
    return _golden(read_sealed(folder / GOLDEN, version, manifest["files"][GOLDEN]), version)


def check_golden(predictor: Predictor, golden: Golden) -> None:
    """Ask the golden requests of a predictor, by the long way of a request and by the short one.

    Raises:
        ArtefactInvalid: an answer is off by more than ``GOLDEN_TOLERANCE``, a request is not accepted, or the two ways
            differ.
    """
    try:
        answers = predictor.predict_rows(golden.instances)
    except FeatureError as error:
        raise ArtefactInvalid(version=predictor.version, reason=f"a golden request is not accepted: {error}") from None
    body = orjson.dumps({"instances": golden.instances})
    if predictor.predict_json(body, max_rows=len(answers)) not in (None, answers):
        raise ArtefactInvalid(version=predictor.version, reason="a request's two ways differ on a golden request")
    for index, (answer, expected) in enumerate(zip(answers, golden.probabilities, strict=True)):
        if not abs(answer - expected) <= GOLDEN_TOLERANCE:  # this way round, NaN fails
            reason = f"golden request {index} is answered {answer!r} instead of {expected!r}"
            raise ArtefactInvalid(version=predictor.version, reason=reason)


def _check_file_set(folder: Path, version: str) -> None:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name == REPORTS and entry.is_dir(follow_symlinks=False):
                    continue
                if entry.name not in (MANIFEST, *CONTENT) or not entry.is_file(follow_symlinks=False):
                    raise ArtefactInvalid(version=version, reason=f"{entry.name!r} is no file of an artefact")
    except OSError as error:
        raise ArtefactInvalid(version=version, reason=f"its folder can't be listed: {error.strerror}") from None


def _weights(data: memoryview, schema: Schema, version: str) -> Weights:
    dtype = np.dtype("<f4")
    weights: Weights = array_in(data, name=WEIGHTS, dtype=dtype, shape=(schema.n_buckets + 1,), version=version)
    step = CHUNK_BYTES // dtype.itemsize
    if not all(np.isfinite(weights[start : start + step]).all() for start in range(0, len(weights), step)):
        raise ArtefactInvalid(version=version, reason=f"{WEIGHTS} holds values that are not finite")
    return weights


def _seen(data: memoryview, sizes: Mapping[str, Any], schema: Schema, version: str) -> Seen:
    names = [field.name for field in schema.fields]
    if set(sizes) != set(names) or not all(type(size) is int and size >= 0 for size in sizes.values()):
        raise ArtefactInvalid(version=version, reason=f"{MANIFEST} does not say how much was seen of each field")
    array = array_in(data, name=SEEN, dtype=SEEN_TYPE, shape=(sum(sizes.values()),), version=version)
    try:
        return Seen(array, {name: sizes[name] for name in names})
    except ValueError as error:
        raise ArtefactInvalid(version=version, reason=f"{SEEN}: {error}") from None


def _golden(data: memoryview, version: str) -> Golden:
    document = _checked(_GoldenDocument(), _parse(data, name=GOLDEN, version=version), name=GOLDEN, version=version)
    instances, probabilities = document["instances"], document["probabilities"]
    if not instances or len(instances) != len(probabilities):
        reason = f"{GOLDEN} has {len(instances)} requests and {len(probabilities)} answers"
        raise ArtefactInvalid(version=version, reason=reason)
    if not all(isinstance(instance, dict) for instance in instances):
        raise ArtefactInvalid(version=version, reason=f"{GOLDEN} has a request that is no object")
    if not all(isinstance(p, float) and math.isfinite(p) for p in probabilities):
        raise ArtefactInvalid(version=version, reason=f"{GOLDEN} has an answer that is no number")
    return Golden(instances=instances, probabilities=probabilities)


def _parse(text: bytes | memoryview, *, name: str, version: str) -> object:
    try:
        document: object = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ArtefactInvalid(version=version, reason=f"{name} is not JSON: {error}") from None
    return document


def _checked(checker: Document, document: object, *, name: str, version: str) -> dict[str, Any]:
    try:
        return load_document(checker, document, source=name)
    except DocumentError as error:
        raise ArtefactInvalid(version=version, reason=str(error)) from None


def _json(document: object) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)
