# The course in a container: JupyterLab on the CPU, as a user without root rights.
#   docker build -t llm-calibration-course .
#   docker run --rm -p 127.0.0.1:8888:8888 llm-calibration-course
# With `--build-arg MODEL=yes` the language model is in the image, and no notebook needs a network.
FROM python:3.12-slim

# On Linux, PyPI's PyTorch brings gigabytes of CUDA; this index has the build for the CPU. Where only
# PyPI can be reached: --build-arg PIP_EXTRA_INDEX_URL=
ARG PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
ARG MODEL=no

RUN useradd --create-home --uid 1000 learner
USER learner
WORKDIR /home/learner/course
ENV PATH=/home/learner/venv/bin:$PATH \
    PIP_NO_CACHE_DIR=1

COPY --chown=learner requirements.txt constraints.txt pyproject.toml README.md LICENSE LICENSE-CONTENT.md NOTICE ./
COPY --chown=learner coursekit coursekit
RUN python -m venv /home/learner/venv && pip install -r requirements.txt
RUN if [ "$MODEL" = yes ]; then python -m coursekit fetch; fi
COPY --chown=learner . .

EXPOSE 8888
CMD ["jupyter", "lab", "--ip=0.0.0.0", "--no-browser", "notebooks/00_start_here.ipynb"]
