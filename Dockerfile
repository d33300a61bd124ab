# The service and its model in one image:
#
#     docker build -t mlops-service . && docker run -p 8000:8000 mlops-service
#
# The first stage compiles the wheel, with a C compiler that comes from PyPI. The second makes the demo model with the whole
# line, gate included: without a passing gate there is no image. The last one holds what serving needs and nothing else.

ARG PYTHON=3.10

FROM python:${PYTHON}-slim-bookworm AS wheel
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements/build.txt requirements/
RUN pip install --no-compile --require-hashes --no-deps --requirement requirements/build.txt
COPY pyproject.toml setup.py build_backend.py README.md LICENSE ./
COPY service service
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheel .

FROM python:${PYTHON}-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements/serve.txt requirements/train.txt requirements/
RUN python -m venv /opt/andon \
    && /opt/andon/bin/pip install --require-hashes --no-deps --requirement requirements/serve.txt \
    && python -m venv /opt/train \
    && /opt/train/bin/pip install --require-hashes --no-deps --requirement requirements/train.txt
COPY --from=wheel /wheel /wheel
RUN /opt/train/bin/pip install --no-deps /wheel/*.whl \
    && /opt/andon/bin/pip install --no-deps /wheel/*.whl \
    && /opt/andon/bin/pip uninstall --yes pip setuptools
RUN /opt/train/bin/andon demo --store /var/lib/andon \
    && cp /var/lib/andon/versions/*/golden.json /golden.json

# The smoke test's client, which knows the golden answers from the build and not from the service that it tests.
FROM python:${PYTHON}-slim-bookworm AS smoke
COPY tests/smoke/client.py /smoke/client.py
COPY --from=build /golden.json /smoke/golden.json
USER 10001:10001
CMD ["python", "/smoke/client.py", "http://service:8000", "/smoke/golden.json"]

FROM python:${PYTHON}-slim-bookworm AS service
ENV PATH=/opt/andon/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    ANDON_STORE=/var/lib/andon ANDON_HOST=0.0.0.0 ANDON_PORT=8000
COPY --from=build /opt/andon /opt/andon
COPY --from=build /var/lib/andon /var/lib/andon
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=10s --start-period=20s --retries=3 \
    CMD ["python", "-m", "service.healthcheck"]
CMD ["andon", "serve"]
