# make train [ARGS="model=softmax"]   set up, then scripts/train.py
# make test [WORKERS=2]               set up, then the tests, in so many processes
# make quick                          set up, then the tests that are not slow (tests/slow.txt)
# make check                          format, lint, types
# make pages [PAGES="he_2015"]        set up, then run the textbook's pages, check what they claim, write docs/gallery.md;
#                                     without PAGES all of them, and docs/foundations.md
# make docs                           set up, then the site: outputs/site/index.html
# make lock                           resolve the dependencies again (needs uv)

PYTHON  ?= python3
VENV    ?= .venv
ARGS    ?= model=mlp init=kaiming
WORKERS ?= 2
BIN     := $(VENV)/bin
READY   := $(VENV)/.ready

.PHONY: train test quick pages docs check format lock clean

train: $(READY)
	$(BIN)/python scripts/train.py $(ARGS)
	@echo "next: source $(VENV)/bin/activate, and every command of the README can be pasted"

# of each test and of the processes it starts: more threads would fight over the cores, and compile the same files again
test quick: export OMP_NUM_THREADS = 1
test quick: export PYTHONDONTWRITEBYTECODE =

test: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

quick: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow"

pages: $(READY)
	$(BIN)/python scripts/pages.py $(PAGES)
	$(if $(PAGES),,$(BIN)/python scripts/foundations.py --docs)

docs: $(READY)
	$(BIN)/python scripts/site_pages.py

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Every file is checked against the hash in the lock; with uv where it is present, which is faster, else with pip. Both
# compile what they install, without which `import lightning` takes 14 s instead of 6 until somebody has written that.
$(READY): requirements.lock pyproject.toml
	@echo "setting up $(VENV): torch with CUDA and the rest, a download of about 5 GB, some 2 minutes on a fast line"
	@if command -v uv >/dev/null; then \
	  uv venv --quiet --allow-existing --python $(PYTHON) $(VENV) && \
	  VIRTUAL_ENV=$(VENV) uv pip install --compile-bytecode --require-hashes -r requirements.lock && \
	  VIRTUAL_ENV=$(VENV) uv pip install --no-deps --no-build-isolation -e . ; \
	else \
	  $(PYTHON) -m venv $(VENV) && \
	  $(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r requirements.lock && \
	  $(BIN)/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
	fi
	@touch $@

lock:
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --upgrade -o requirements.lock

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
