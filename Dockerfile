# The image of the chart (helm/podium): servers, workers, migrations and backups, by their command.
#
#   docker build --build-arg PYTHON=python:3.13-slim-bookworm@sha256:… -t podium:0.1.0 .
#
# A release names the base by its digest, so that the same source gives the same base. What is installed is written down in
# /opt/podium/sbom.cdx.json (CycloneDX).
ARG PYTHON=python:3.13-slim-bookworm

FROM ${PYTHON} AS build
WORKDIR /src
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY pyproject.toml README.md LICENSE ./
COPY client client
COPY tracker tracker
COPY registry registry
RUN python -m venv /opt/podium \
 && /opt/podium/bin/pip install ".[server,kubernetes,export,sweep,tracing]" \
 && /opt/podium/bin/pip uninstall --yes pip \
 && python -m venv /opt/sbom \
 && /opt/sbom/bin/pip install cyclonedx-bom==7.5.0 \
 && /opt/sbom/bin/cyclonedx-py environment --output-format JSON --output-file /opt/podium/sbom.cdx.json /opt/podium/bin/python

FROM ${PYTHON}
LABEL org.opencontainers.image.title="Podium" \
      org.opencontainers.image.description="Experiment tracking and model registry" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/podium /opt/podium
# The root file system may be read-only: only /tmp is written to.
ENV PATH=/opt/podium/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
USER 10001:10001
WORKDIR /tmp
EXPOSE 5080 5081
ENTRYPOINT ["podium"]
CMD ["server", "--host", "0.0.0.0"]
