# `make lab` to learn, `make test` to prove; `make` alone lists everything. Needs make and Python >= 3.11, nothing else.
# What you may set: PYTHON=/path/to/python3.12, TORCH=cpu, CHAPTER=05, LAB_ARGS="--port=9999".

.DEFAULT_GOAL := help
.PHONY: help setup lab test lint test-unit test-notebooks test-browser site run mutants format

PY := .venv/bin/python
STAMP := .venv/.installed

# Two threads that wait for each other sleep instead of spinning, and bear a busy neighbour; see gan_edu/__init__.py.
export OMP_WAIT_POLICY ?= passive

# Tests see no GPU, no plotting backend of yours and none of your answers to exercises: what they prove holds anywhere.
TEST_ENV := env -u MPLBACKEND CUDA_VISIBLE_DEVICES= PYTHONHASHSEED=0 OMP_NUM_THREADS=1 GAN_EDU_PROGRESS="$(CURDIR)/build/progress.json"

# What `train` says of a sick run may come on one CPU and not on another, so notebooks are compared without it.
SYMPTOMS := ignore:G gets no gradient,ignore:samples are all alike,ignore:samples lie outside,ignore:D's logits have one

# Side by side, one thread each: networks this small gain nothing from a second one.
SIDE_BY_SIDE := -n logical --maxprocesses 4

help:  ## this list
	@echo "make TARGET, where TARGET is one of"
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | while IFS='|' read -r name text; do printf '  %-16s %s\n' "$$name" "$$text"; done

setup: $(STAMP)  ## install everything into .venv (the other targets do it when it is needed)

lab: $(STAMP)  ## check this machine with a GAN of a few seconds, then open the course in JupyterLab
	$(PY) -m gan_edu check
	@flags=""; \
	[ "$$(id -u)" != 0 ] || flags="--allow-root"; \
	[ "$$(uname)" = Darwin ] || [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || flags="$$flags --no-browser"; \
	$(PY) -m jupyterlab --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb $$flags $(LAB_ARGS)

test: lint test-unit test-notebooks  ## everything that CI runs: lint, unit tests, every notebook against its outputs

lint: $(STAMP)  ## style of the code and of the notebooks
	$(PY) -m ruff check
	$(PY) -m ruff format --check

test-unit: $(STAMP)  ## the unit tests alone
	@rm -f build/progress.json
	$(TEST_ENV) $(PY) -m pytest $(SIDE_BY_SIDE) --dist worksteal --durations=10 --ignore tests/browser

test-notebooks: $(STAMP)  ## execute every notebook again and compare its outputs (nbval)
	@rm -f build/progress.json
	$(TEST_ENV) PYTHONWARNINGS="$(SYMPTOMS)" $(PY) -m pytest --nbval --nbval-current-env --nbval-cell-timeout=600 --durations=10 \
	  $(SIDE_BY_SIDE) --dist loadfile notebooks

SITE_STAMP := .venv/.site
$(SITE_STAMP): $(STAMP)
	@PYTHON="$(PYTHON)" TORCH="$(TORCH)" EXTRAS=dev,site .ci/setup
	@touch $@

site: $(SITE_STAMP)  ## the course as a website, in build/site, from the executed notebooks
	$(PY) -W ignore -m sphinx -q -W --keep-going -c site -b html . build/site
	@echo "Open build/site/index.html in a browser"

run: $(STAMP)  ## run a chapter without a browser: make run CHAPTER=05, or deeper/05 for what is deeper there
	@chapters=$$(ls notebooks/$(CHAPTER)_*.ipynb 2>/dev/null) || { echo "make run CHAPTER=NN, where NN is one of:" \
	  $$(cd notebooks && ls *.ipynb deeper/*.ipynb | sed 's/_.*//' | uniq) >&2; exit 2; }; \
	for chapter in $$chapters; do \
	  below=$${chapter#notebooks/}; echo "Running $$chapter; its output will be build/$$below"; \
	  $(PY) -m nbconvert --to notebook --execute --output-dir "build/$$(dirname "$$below")" "$$chapter" || exit 1; \
	done

test-browser: $(SITE_STAMP)  ## the website and the playground in a real browser, where there is one
	$(TEST_ENV) $(PY) -m pytest $(SIDE_BY_SIDE) --dist loadfile tests/browser

mutants: $(STAMP)  ## break the package on purpose, see that tests and chapters notice
	$(TEST_ENV) $(PY) tests/mutants.py

format: $(STAMP)  ## bring code and notebooks into shape
	$(PY) -m ruff check --fix
	$(PY) -m ruff format

# Done again only when what it depends on changed.
$(STAMP): pyproject.toml constraints.txt
	@PYTHON="$(PYTHON)" TORCH="$(TORCH)" .ci/setup
	@touch $@
