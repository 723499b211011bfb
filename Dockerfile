# One image for every process; the verb of the command line says which one it is.
FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/ordinal
WORKDIR /src
COPY requirements-runtime.lock .
RUN /opt/ordinal/bin/pip install --require-hashes -r requirements-runtime.lock
COPY . .
RUN /opt/ordinal/bin/pip install --no-deps --no-build-isolation . \
    && /opt/ordinal/bin/pip uninstall --yes setuptools

FROM python:3.13-slim
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/ordinal ordinal
COPY --from=build /opt/ordinal /opt/ordinal
ENV PATH=/opt/ordinal/bin:$PATH PYTHONUNBUFFERED=1
USER ordinal
WORKDIR /var/lib/ordinal
EXPOSE 8000
ENTRYPOINT ["ordinal"]
CMD ["--help"]
