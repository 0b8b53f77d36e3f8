# The README's two commands are `make demo` and `make test`; they need Python 3.11 or newer and make, nothing else.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check
export OMP_NUM_THREADS ?= 1

.PHONY: demo test test-slow test-vision lint types docs bench clean
.DEFAULT_GOAL := demo

## demo: install what is needed, put the lambda networks paper to the test on real digits, print verdicts and the report's path
demo: $(VENV)/.demo
	$(BIN)/unbend study lambda

## test: lint, types, docs, then architecture, doctests, contracts and unit tests
test: $(VENV)/.dev browser lint types docs
	$(BIN)/python -m pytest -n 2 -m "not slow and not vision"

## test-slow: the checks that take minutes
test-slow: $(VENV)/.dev browser
	$(BIN)/python -m pytest -n 2 -m "slow and not vision"

## test-vision: timm needs a torchvision that fits its torch, so it gets an environment of its own
test-vision: .venv-vision/.ready
	.venv-vision/bin/python -m pytest -m vision

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/pyright

## docs: build the site strictly, from docstrings and recorded verdicts
docs: $(VENV)/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

## bench: time us against our peers, both sides in one run
bench: $(VENV)/.dev
	for script in benchmarks/[a-z]*.py; do OMP_NUM_THREADS=2 $(BIN)/python $$script || exit 1; done

.PHONY: browser
browser:
	@command -v chromium >/dev/null || (apt-get update -qq && apt-get install -y -qq chromium >/dev/null) \
	  || echo "chromium is absent and could not be installed: the browser tests will be skipped"

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip

# Each extra is installed once; the stamp file is older than what it was made from when either file changes.
$(VENV)/.demo: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) -c constraints.txt -e '.[data]'
	touch $@
$(VENV)/.dev: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) -c constraints.txt -e '.[data,dev,text,cluster,bench,docs]'
	touch $@
.venv-vision/.ready: pyproject.toml Makefile
	$(PYTHON) -m venv .venv-vision
	.venv-vision/bin/python -m pip install --quiet torch==2.14.1 torchvision==0.29.1
	.venv-vision/bin/python -m pip install --quiet -e '.[data,vision,text]' pytest hypothesis psutil playwright onnx
	touch $@

clean:
	rm -rf $(VENV) .venv-vision build dist site .pytest_cache .ruff_cache .hypothesis
