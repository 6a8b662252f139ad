# `make demo` and `make test` each do all the set-up. PYTHON chooses the interpreter (3.11 to 3.13).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help venv demo test check bench lock clean

help:
	@echo "make demo    set up, then run the main job (4 to 11 minutes on 2 cores, by the processor)"
	@echo "make test    set up, then lint, types, floors and all tests"
	@echo "make check   lint, types and import floors alone"
	@echo "make bench   rerun the benchmarks and rewrite their committed results"
	@echo "make lock    resolve requirements/dev.txt again"

venv: $(VENV)/.installed

$(VENV)/.installed: requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

demo: venv
	$(BIN)/ravlm demo --out demo

check: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check  # two processes, one thread each; the files of slow models stay together
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses 2 --dist loadfile

bench: venv
	$(BIN)/python benchmarks/flags.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/fusions.py
	$(BIN)/python benchmarks/grocery.py --base iconic
	$(BIN)/python benchmarks/grocery.py --base photos
	$(BIN)/python benchmarks/captions.py
	$(BIN)/python benchmarks/texts.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/scoring.py
	$(BIN)/python benchmarks/outputs.py
	$(BIN)/python benchmarks/knowledge.py
	$(BIN)/python benchmarks/survival.py
	$(BIN)/python benchmarks/encoders.py
	$(BIN)/python benchmarks/matrix.py
	$(BIN)/python benchmarks/model.py
	$(BIN)/python benchmarks/training.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/joint.py
	$(BIN)/python benchmarks/eyes.py
	$(BIN)/python benchmarks/retrieval.py --part late-vectors --work build/late
	$(BIN)/python benchmarks/retrieval.py --part late --work build/late
	$(BIN)/python benchmarks/retrieval.py
	for part in cacm flags grocery emoji; do $(BIN)/python benchmarks/effectiveness.py --part $$part; done
	$(BIN)/python benchmarks/tables.py

lock:
	uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header -o requirements/dev.txt

clean:
	rm -rf $(VENV) demo .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
