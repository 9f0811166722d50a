# Everything a fresh machine needs: Python 3.11 or newer, and make.
PYTHON ?= python3
PY := .venv/bin/python

.PHONY: app demo install features test test-slow lint bench soak screenshots docs clean

app: install
	$(PY) -m hume app

demo: install
	$(PY) -m hume demo

install: .venv/.installed

# What spaces from one's own images need: networks, training, Hugging Face datasets, AnnData.
features: install
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-features.txt -r requirements-data.txt

# In the order of the files, so that the longest, pages and browser, do not come last.
WORKERS := -n 2 --dist loadfile --no-loadscope-reorder

test: .venv/.installed-dev browser
	$(PY) -m pytest $(WORKERS) --durations=20

test-slow: .venv/.installed-dev browser
	$(PY) -m pytest $(WORKERS) -m slow --durations=20

lint: .venv/.installed-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports --no-cache

bench: .venv/.installed-dev browser
	$(PY) -m benchmarks.speed
	$(PY) -m benchmarks.estimate
	$(PY) -m benchmarks.pages --rounds 2
	$(PY) -m benchmarks.lesson

# Ten minutes; `make soak MINUTES=1` for a try.
MINUTES := 10

soak: .venv/.installed-dev browser
	$(PY) -m benchmarks.soak --minutes $(MINUTES)

screenshots: .venv/.installed-dev browser
	$(PY) -m docs.screenshots

# The site: site/index.html opens without a server; its search needs one: python3 -m http.server -d site.
docs: install
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-docs.txt
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict

# The tests drive the app in a real browser: the machine's own, else Debian's.
.PHONY: browser
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || { \
	  echo "installing chromium"; \
	  SUDO=$$([ "$$(id -u)" = 0 ] || echo sudo); \
	  $$SUDO apt-get update -qq && $$SUDO apt-get install -y -qq --no-install-recommends chromium fonts-liberation; }

clean:
	rm -rf .venv site .mypy_cache .pytest_cache .ruff_cache .hypothesis

# Debian ships Python without the module that makes environments; ask its package manager once.
.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed: run make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	  echo "installing python3-venv"; \
	  SUDO=$$([ "$$(id -u)" = 0 ] || echo sudo); \
	  $$SUDO apt-get update -qq && $$SUDO apt-get install -y -qq python3-venv; }
	$(PYTHON) -m venv .venv

.venv/.installed: requirements.txt | .venv/bin/python
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/.installed-dev: $(wildcard requirements-*.txt) .venv/.installed
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
