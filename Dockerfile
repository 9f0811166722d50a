# The app in a container: see docs/guides/serving.md.
#   docker build -t hume .
#   docker run --rm -p 127.0.0.1:8501:8501 -v hume-home:/home/hume/data hume
# With CUDA: --build-arg BASE=nvidia/cuda:12.8.1-runtime-ubuntu24.04, and `docker run --gpus all`.
ARG BASE=python:3.12-slim

FROM python:3.12-slim AS wheel
RUN pip install --no-cache-dir build
COPY . /source
RUN python -m build --wheel --outdir /dist /source

FROM ${BASE}
ARG EXTRAS=app,features,data
# torch for processors alone is a tenth of the size; empty: the index that pip knows, with CUDA.
ARG TORCH_INDEX=
# Ubuntu's CUDA images have no Python, and its Python makes no environment without this package.
RUN command -v python3 >/dev/null && python3 -c 'import ensurepip' 2>/dev/null \
    || { apt-get update && apt-get install -y --no-install-recommends python3 python3-venv && rm -rf /var/lib/apt/lists/*; }
RUN useradd --create-home hume && python3 -m venv /opt/hume
COPY --from=wheel /dist /dist
RUN if [ -n "$TORCH_INDEX" ]; then /opt/hume/bin/pip install --no-cache-dir torch torchvision --index-url "$TORCH_INDEX"; fi \
    && /opt/hume/bin/pip install --no-cache-dir "$(ls /dist/*.whl)[$EXTRAS]"

USER hume
WORKDIR /home/hume
RUN mkdir data
ENV HUME_HOME=/home/hume/data PATH=/opt/hume/bin:$PATH
VOLUME /home/hume/data
EXPOSE 8501
# All addresses of the container; the machine outside decides who reaches it, by `-p 127.0.0.1:8501:8501`.
ENTRYPOINT ["hume"]
CMD ["app", "--address", "0.0.0.0"]
