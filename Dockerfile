# The service and its model in one image (BuildKit builds it, which is Docker's builder since 23.0):
#
#     docker build -t mlops-service . && docker run -p 8000:8000 mlops-service
#
# By itself it compiles the wheel, with a C compiler that comes from PyPI, and makes the demo model with the whole line, gate
# included: without a passing gate there is no image. In the pipeline (`tox -e image`) the wheel and the model are those that
# passed its stages: PARTS=carried takes them from dist/. The last stage holds what serving needs and nothing else.

ARG PYTHON=3.10
ARG PARTS=made

FROM python:${PYTHON}-slim-bookworm AS wheel-made
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements/build.txt requirements/
RUN pip install --no-compile --require-hashes --no-deps --requirement requirements/build.txt
COPY pyproject.toml setup.py build_backend.py README.md LICENSE ./
COPY service service
# Of which commit this is, since git is not here: --build-arg REVISION=$(git rev-parse HEAD)
ARG REVISION=
RUN ANDON_REVISION=${REVISION} pip wheel --no-deps --no-build-isolation --wheel-dir /wheel .

FROM scratch AS wheel-carried
COPY dist/andon-*.whl /wheel/

# hadolint ignore=DL3006
FROM wheel-${PARTS} AS wheel

FROM python:${PYTHON}-slim-bookworm AS model-made
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements/train.txt requirements/
RUN pip install --require-hashes --no-deps --requirement requirements/train.txt
COPY --from=wheel /wheel /wheel
RUN pip install --no-deps /wheel/*.whl
RUN andon demo --store /model/store && cp /model/store/versions/*/golden.json /model/

FROM scratch AS model-carried
COPY dist/model /model

# hadolint ignore=DL3006
FROM model-${PARTS} AS model

FROM python:${PYTHON}-slim-bookworm AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements/serve.txt requirements/
RUN python -m venv /opt/andon \
    && /opt/andon/bin/pip install --require-hashes --no-deps --requirement requirements/serve.txt
COPY --from=wheel /wheel /wheel
COPY --from=model /model /model
RUN /opt/andon/bin/pip install --no-deps /wheel/*.whl \
    && /opt/andon/bin/pip uninstall --yes pip setuptools \
    && chmod -R a+rX /model

# The smoke test's client, which knows the golden answers from the gate and not from the service that it tests.
FROM python:${PYTHON}-slim-bookworm AS smoke
COPY tests/smoke/client.py /smoke/client.py
COPY --from=packages /model/golden.json /smoke/golden.json
USER 10001:10001
CMD ["python", "/smoke/client.py", "http://service:8000", "/smoke/golden.json"]

FROM python:${PYTHON}-slim-bookworm AS service
# A platform's variables for port and store come before the image's own (service/config.py), so those are no variables here:
# the port is the default one, and the default store, in the working directory, is /var/lib/andon.
ENV PATH=/opt/andon/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 ANDON_HOST=0.0.0.0
WORKDIR /var/lib
COPY --from=packages /opt/andon /opt/andon
COPY --from=packages /model/store /var/lib/andon
# SageMaker runs the image with the command `serve`, and expects port 8080 if it names none.
# hadolint ignore=SC2016
RUN /usr/local/bin/python -m pip --quiet uninstall --yes --root-user-action ignore pip setuptools wheel \
    && ln -s andon /var/lib/andon-store \
    && printf '%s\n' '#!/bin/sh' 'exec env SAGEMAKER_BIND_TO_PORT="${SAGEMAKER_BIND_TO_PORT:-8080}" andon serve' \
    > /usr/local/bin/serve \
    && chmod 755 /usr/local/bin/serve
ARG REVISION=
ARG VERSION=
LABEL com.amazonaws.sagemaker.capabilities.accept-bind-to-port=true \
    org.opencontainers.image.title=andon \
    org.opencontainers.image.licenses=Apache-2.0 \
    org.opencontainers.image.version=${VERSION} \
    org.opencontainers.image.revision=${REVISION}
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=10s --start-period=20s --retries=3 \
    CMD ["python", "-m", "service.healthcheck"]
CMD ["andon", "serve"]
