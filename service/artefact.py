"""One immutable model folder: written once, named by its content, verified on every load.

    manifest.json   format, schema and its fingerprint, bucket contract, training run, digest of every other file
    weights.npy     float32, shape (n_buckets + 1,), the intercept last; opened memory-mapped and read-only
    golden.json     requests with the probabilities that this model must give
    reports/        gate reports, which come later and are no part of the content

The version id is the first 32 hexadecimal digits of the SHA-256 of ``manifest.json``, which itself holds the SHA-256 of
the other files: any changed bit changes a digest. No pickle, no code.
"""

from __future__ import annotations

import io
import math
import mmap
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.lib import format as numpy_format

from service.core import bucketer
from service.core.documents import Document, Strict, Text, load_document, load_schema
from service.core.features import Schema
from service.core.model import LinearModel, Weights
from service.core.predictor import Predictor
from service.durable import sync_folder, write_new
from service.errors import ArtefactInvalid, DocumentError, FeatureError

npy: Any = numpy_format  # numpy has no types for it

FORMAT = 1
"""The artefact format. Another bucket contract is another format."""

MANIFEST = "manifest.json"
WEIGHTS = "weights.npy"
GOLDEN = "golden.json"
REPORTS = "reports"
CONTENT = (WEIGHTS, GOLDEN)

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
    """A verified artefact: its manifest, and the predictor that passed its golden requests."""

    version: str
    manifest: Mapping[str, Any]
    predictor: Predictor


class _ManifestDocument(Document):
    format = Strict(int, "the artefact format", required=True)
    name = Text(required=True)
    bucket_contract = Text(required=True)
    schema = Strict(dict, "a schema document", required=True)
    schema_fingerprint = Text(required=True)
    training = Strict(dict, "the training run", required=True)
    files = Strict(dict, "a digest for each file", required=True)


class _FileDocument(Document):
    sha256 = Text(required=True)
    bytes = Strict(int, "a size in bytes", required=True)


class _GoldenDocument(Document):
    instances = Strict(list, "an array of objects", required=True)
    probabilities = Strict(list, "an array of numbers", required=True)


def write(folder: Path, *, schema: Schema, weights: Weights, golden: Golden, training: Mapping[str, Any]) -> str:
    """Write an artefact into ``folder`` (made here), every byte of it on the disk, and return its version id.

    The same arguments give the same bytes, hence the same id: nothing in ``training`` may be a time of day or a path.
    """
    folder.mkdir()
    answers = {"instances": list(golden.instances), "probabilities": list(golden.probabilities)}
    files = {
        WEIGHTS: write_new(folder / WEIGHTS, *_array_bytes(weights)),
        GOLDEN: write_new(folder / GOLDEN, _json(answers)),
    }
    manifest = {
        "format": FORMAT,
        "name": schema.name,
        "bucket_contract": bucketer.CONTRACT,
        "schema": schema.to_document(),
        "schema_fingerprint": schema.fingerprint,
        "training": dict(training),
        "files": files,
    }
    text = _json(manifest)
    write_new(folder / MANIFEST, text)
    sync_folder(folder)
    return version_id(text)


def version_id(manifest: bytes) -> str:
    """The id of the artefact whose manifest has these bytes."""
    return sha256(manifest).hexdigest()[:ID_LENGTH]


def read_manifest(folder: Path, version: str) -> dict[str, Any]:
    """The checked manifest of the artefact in ``folder``, without a look at the other files.

    Raises:
        ArtefactInvalid: it is not the manifest that gave the version its name, or breaks a rule.
    """
    text = bytes(_map(folder, MANIFEST, version))
    if version_id(text) != version:
        raise ArtefactInvalid(version=version, reason=f"{MANIFEST} is not the one that the version is named by")
    manifest = _parse(text, _ManifestDocument(), name=MANIFEST, version=version)
    if manifest["format"] != FORMAT:
        raise ArtefactInvalid(version=version, reason=f"format {manifest['format']} is not {FORMAT}, the known one")
    if manifest["bucket_contract"] != bucketer.CONTRACT:
        raise ArtefactInvalid(version=version, reason=f"its bucket contract is not {bucketer.CONTRACT}")
    return manifest


def load(folder: Path, version: str) -> Artefact:
    """Open and verify an artefact: file set, digests, schema, finite weights, golden answers.

    Raises:
        ArtefactInvalid: anything of that is not as it should be; the reason says what.
    """
    manifest = read_manifest(folder, version)
    _check_file_set(folder, manifest, version)
    content = {}
    for name in CONTENT:
        stated = _checked(_FileDocument(), manifest["files"][name], name=MANIFEST, version=version)
        data = _map(folder, name, version)
        if len(data) != stated["bytes"] or sha256(data).hexdigest() != stated["sha256"]:
            raise ArtefactInvalid(version=version, reason=f"{name} does not have the digest in {MANIFEST}")
        content[name] = data
    try:
        schema = load_schema(manifest["schema"], source=MANIFEST)
    except DocumentError as error:
        raise ArtefactInvalid(version=version, reason=str(error)) from None
    if schema.fingerprint != manifest["schema_fingerprint"] or schema.name != manifest["name"]:
        raise ArtefactInvalid(version=version, reason=f"schema and fingerprint in {MANIFEST} differ")
    model = LinearModel(_weights(content[WEIGHTS], schema, version))
    predictor = Predictor(schema=schema, model=model, version=version)
    check_golden(predictor, _golden(content[GOLDEN], version))
    return Artefact(version=version, manifest=manifest, predictor=predictor)


def read_golden(folder: Path, version: str) -> Golden:
    """The golden requests of an artefact, for a client that wants to ask them over HTTP."""
    return _golden(_map(folder, GOLDEN, version), version)


def check_golden(predictor: Predictor, golden: Golden) -> None:
    """Ask the golden requests of a predictor.

    Raises:
        ArtefactInvalid: an answer is off by more than ``GOLDEN_TOLERANCE``, or a request is not accepted.
    """
    try:
        answers = predictor.predict_rows(golden.instances)
    except FeatureError as error:
        raise ArtefactInvalid(version=predictor.version, reason=f"a golden request is not accepted: {error}") from None
    for index, (answer, expected) in enumerate(zip(answers, golden.probabilities, strict=True)):
        if not abs(answer - expected) <= GOLDEN_TOLERANCE:  # this way round, NaN fails
            reason = f"golden request {index} is answered {answer!r} instead of {expected!r}"
            raise ArtefactInvalid(version=predictor.version, reason=reason)


def _check_file_set(folder: Path, manifest: Mapping[str, Any], version: str) -> None:
    if set(manifest["files"]) != set(CONTENT):
        raise ArtefactInvalid(version=version, reason=f"{MANIFEST} lists other files than {', '.join(CONTENT)}")
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name == REPORTS and entry.is_dir(follow_symlinks=False):
                continue
            if entry.name not in (MANIFEST, *CONTENT) or not entry.is_file(follow_symlinks=False):
                raise ArtefactInvalid(version=version, reason=f"{entry.name!r} is no file of an artefact")


def _map(folder: Path, name: str, version: str) -> mmap.mmap | bytes:
    """A file's content as a read-only map: what is digested is then the very memory that is used."""
    try:
        # Not to block: a named pipe in the file's place would never open.
        descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise ArtefactInvalid(version=version, reason=f"{name} can't be opened: {error.strerror}") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ArtefactInvalid(version=version, reason=f"{name} is no regular file")
        return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) if status.st_size else b""
    finally:
        os.close(descriptor)


def _weights(data: mmap.mmap | bytes, schema: Schema, version: str) -> Weights:
    head = io.BytesIO(data[:4096])
    try:
        if npy.read_magic(head) != (1, 0):
            raise ValueError("not version 1.0 of the format")
        shape, _, dtype = npy.read_array_header_1_0(head)
    except Exception as error:  # numpy lets through whatever Python's own parser and tokenizer raise
        raise ArtefactInvalid(version=version, reason=f"{WEIGHTS} is no array: {error}") from None
    expected = (schema.n_buckets + 1,)
    if shape != expected or dtype != np.dtype("<f4") or len(data) != head.tell() + 4 * expected[0]:
        raise ArtefactInvalid(version=version, reason=f"{WEIGHTS} is not float32 of shape {expected}")
    weights: Weights = np.frombuffer(data, dtype="<f4", offset=head.tell())
    if not np.isfinite(weights).all():
        raise ArtefactInvalid(version=version, reason=f"{WEIGHTS} holds values that are not finite")
    return weights


def _array_bytes(weights: Weights) -> tuple[bytes, memoryview]:
    """The header and the data of an ``.npy`` file, the data not copied."""
    array = np.ascontiguousarray(weights, dtype="<f4")
    header = io.BytesIO()
    npy.write_array_header_1_0(header, npy.header_data_from_array_1_0(array))
    return header.getvalue(), array.data.cast("B")


def _golden(data: mmap.mmap | bytes, version: str) -> Golden:
    document = _parse(bytes(data), _GoldenDocument(), name=GOLDEN, version=version)
    instances, probabilities = document["instances"], document["probabilities"]
    if not instances or len(instances) != len(probabilities):
        reason = f"{GOLDEN} has {len(instances)} requests and {len(probabilities)} answers"
        raise ArtefactInvalid(version=version, reason=reason)
    if not all(isinstance(instance, dict) for instance in instances):
        raise ArtefactInvalid(version=version, reason=f"{GOLDEN} has a request that is no object")
    if not all(isinstance(p, float) and math.isfinite(p) for p in probabilities):
        raise ArtefactInvalid(version=version, reason=f"{GOLDEN} has an answer that is no number")
    return Golden(instances=instances, probabilities=probabilities)


def _parse(text: bytes, checker: Document, *, name: str, version: str) -> dict[str, Any]:
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ArtefactInvalid(version=version, reason=f"{name} is not JSON: {error}") from None
    return _checked(checker, document, name=name, version=version)


def _checked(checker: Document, document: object, *, name: str, version: str) -> dict[str, Any]:
    try:
        return load_document(checker, document, source=name)
    except DocumentError as error:
        raise ArtefactInvalid(version=version, reason=str(error)) from None


def _json(document: object) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)
