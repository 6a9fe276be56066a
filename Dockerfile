# The app on a CPU: no CUDA packages, no root, everything read-only but the store.
# Hugging Face Spaces: sdk docker, app_port 8501; docs/deploy.md has the front matter.
FROM python:3.11-slim-trixie

COPY --from=ghcr.io/astral-sh/uv:0.9 /uv /usr/local/bin/uv
WORKDIR /app
COPY requirements.txt .
# More packages, such as those of a cluster.
ARG EXTRA=""
RUN uv pip install --system --no-cache --torch-backend=cpu -r requirements.txt $EXTRA \
    && rm /usr/local/bin/uv
COPY .streamlit .streamlit
COPY app.py .
COPY distill_core distill_core
COPY pages pages
RUN useradd --uid 1000 --no-create-home app \
    && mkdir /store && chown app /store \
    && python -m compileall -q app.py distill_core pages

USER app
# Streamlit and the cache of fonts write to a home; there is none that must last.
ENV HOME=/tmp DISTILL_STORE=/store PYTHONDONTWRITEBYTECODE=1
VOLUME /store
EXPOSE 8501
HEALTHCHECK --start-period=60s CMD ["python", "-c", \
    "import urllib.request as r; r.urlopen('http://127.0.0.1:8501/healthz', timeout=5)"]
CMD ["python", "-m", "streamlit", "run", "app.py", "--server.port", "8501"]
