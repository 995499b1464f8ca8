# flmrcm in a container. On the CPU: docker build -t flmrcm .
# On a GPU: docker build -t flmrcm:gpu --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu128 .
# For hospitals: --build-arg EXTRA=flower --build-arg CONSTRAINTS=constraints-deployment.txt
FROM python:3.11-slim

ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG CONSTRAINTS=constraints.txt
ARG EXTRA=joblib

ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    LANG=C.UTF-8 \
    FLMRCM_CACHE=/cache \
    WANDB_MODE=offline

WORKDIR /src
COPY pyproject.toml README.md LICENSE constraints.txt constraints-deployment.txt ./
COPY conf ./conf
COPY flmrcm ./flmrcm
RUN pip install --constraint "$CONSTRAINTS" --extra-index-url "$TORCH_INDEX" ".[$EXTRA]"

# files that a run writes belong to whoever starts it: docker run --user "$(id -u):$(id -g)"
RUN useradd --create-home --uid 1000 flmrcm \
    && mkdir /cache /work /deploy \
    && chown flmrcm /cache /work /deploy \
    && chmod 1777 /cache /work /deploy
USER 1000
WORKDIR /work
ENTRYPOINT ["flmrcm"]
CMD ["--help"]
