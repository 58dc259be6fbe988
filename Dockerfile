# syntax=docker/dockerfile:1
FROM python:3.13-slim-trixie AS build
ENV UV_PYTHON_DOWNLOADS=never UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
RUN pip install --no-cache-dir uv==0.13.8
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --no-install-project --extra mcp --extra scale --extra otel

FROM python:3.13-slim-trixie
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        ca-certificates espeak-ng ffmpeg flite libopus0 tesseract-ocr tesseract-ocr-chi-sim \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent kibitz \
    && install --directory --owner=kibitz --group=kibitz --mode=0700 /data
WORKDIR /app
COPY --from=build /app/.venv .venv
COPY . .
RUN python -m compileall -q bot cogs migrations && .venv/bin/python .ci/sbom.py > sbom.cdx.json
USER 10001:10001
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    KIBITZ_DATA__DIRECTORY=/data \
    KIBITZ_MEDIA__SANDBOX=required \
    KIBITZ_MEDIA__REQUIRE_PATCHED_FFMPEG=true
VOLUME /data
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --retries=2 CMD ["python", "-m", "bot.cli.health"]
ENTRYPOINT ["python", "-m", "bot"]
CMD ["run"]
