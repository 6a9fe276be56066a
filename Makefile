# Two commands do everything on a fresh machine with Python 3.11 or newer and make:
#   make run    the app on http://localhost:8501
#   make test   lint, types and all tests, those in a real browser included

PYTHON ?= python3
VENV ?= .venv
PORT ?= 8501
BIN := $(VENV)/bin
# On Linux the default build of torch brings CUDA packages; uv, where it is there, takes the other.
CPU := $(if $(filter Linux,$(shell uname -s)),--torch-backend=cpu)

TWICE := pytest -n 2 --dist loadfile --no-loadscope-reorder
# No packet may leave this machine; where that cannot be watched, this is said.
WATCHED := $(BIN)/python -m tests.hostile.shut_in

.PHONY: run test reliability audit lint check browser benchmarks format clean

run: $(VENV)/.installed
	$(BIN)/python -m streamlit run app.py --server.port $(PORT)

test: lint check browser
	$(BIN)/python -m $(TWICE) -m "not e2e and not reliability"
	$(WATCHED) $(BIN)/python -m $(TWICE) -m "not reliability" tests/e2e

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

check: $(VENV)/.installed-dev
	$(BIN)/mypy

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# A real Chromium: the system's if there is one, else by apt on Debian as root, else Playwright's.
# A real nginx: by apt; where there is none, the tests behind it are skipped and say so.
browser: $(VENV)/.installed-dev
	@{ command -v chromium >/dev/null || command -v google-chrome >/dev/null; } \
	&& PATH="$$PATH:/usr/sbin" command -v nginx >/dev/null \
	|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	     && apt-get update -q && apt-get install -qy --no-install-recommends chromium nginx-light; } \
	|| command -v chromium >/dev/null || command -v google-chrome >/dev/null \
	|| $(BIN)/playwright install --with-deps chromium

$(VENV)/.installed: requirements.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)
	if command -v uv >/dev/null; \
	then uv pip install -q --python $(BIN)/python $(CPU) -r requirements.txt; \
	else $(BIN)/python -m pip install -q -r requirements.txt; fi
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt
	$(BIN)/python -m pip install -q -r requirements-dev.txt
	@touch $@

# About twenty minutes on a quiet machine; writes BENCHMARKS.md.
benchmarks: $(VENV)/.installed-dev browser
	$(BIN)/python -m benchmarks.report

# Crowds, hostile visitors, faults and a full disk, in full; RELIABILITY.md says what is promised, and
# its first part is written by the crowds. What measures times has the machine to itself.
reliability: export DISTILL_RELIABILITY := 1
reliability: $(VENV)/.installed-dev browser
	$(BIN)/python -m tests.load.reliability class join shared day soak
	$(BIN)/python -m pytest tests/hostile/test_while_it_lasts.py
	$(WATCHED) $(BIN)/python -m $(TWICE) -m reliability tests/e2e
	$(WATCHED) $(BIN)/python -m $(TWICE) tests/faults tests/hostile tests/load \
	    tests/frame/test_bounds.py tests/frame/test_preview_route.py tests/test_store.py tests/test_eviction.py \
	    --ignore tests/hostile/test_while_it_lasts.py

# Known flaws in what is installed; needs a way to the database of the Python Packaging Authority.
audit: $(VENV)/.installed-dev
	$(BIN)/python -m pip install -q pip-audit
	$(BIN)/python -m pip_audit -r requirements.txt --disable-pip --no-deps

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache .hypothesis
