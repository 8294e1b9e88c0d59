# The academy's API, worker and jobs in one image; the command says which. Nothing of the embedded stack, no tests.

FROM python:3.11.14-slim-bookworm AS build
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /academy
COPY pyproject.toml uv.lock ./
RUN uv sync --locked --no-default-groups --compile-bytecode --no-python-downloads

FROM python:3.11.14-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home academy
WORKDIR /academy
COPY --from=build /academy/.venv .venv
COPY api api
COPY activities activities
COPY cache cache
COPY db db
COPY domain domain
COPY gateways gateways
COPY workflows workflows
COPY bootstrap.py logs.py piccolo_conf.py settings.py worker.py ./
# Imports from source cost a start half a minute.
RUN python -m compileall -q .
ENV PATH=/academy/.venv/bin:$PATH PYTHONUNBUFFERED=1 APP_ENV=production
USER academy
EXPOSE 8000
CMD ["python", "-m", "api"]
