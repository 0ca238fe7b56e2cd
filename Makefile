# Each target sets up what it needs in .venv; nothing else on the machine is touched.
PYTHON ?= python3
BIN := .venv/bin
RUN ?= studies/quickstart.yaml

.PHONY: demo test check bench docs clean

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: .venv/ready          ## install, run the quickstart study, say where its report is
	$(BIN)/understudy run $(RUN)

test: .venv/ready          ## install, run the tests
	$(BIN)/pytest -n 2 --dist worksteal

check: .venv/ready         ## lint, format, types
	$(BIN)/ruff check src tests benchmarks docs training
	$(BIN)/ruff format --check src tests benchmarks docs training
	$(BIN)/mypy

bench: .venv/ready         ## ratios of speed, measured in one run
	$(BIN)/python -m benchmarks.bench

docs: .venv/ready          ## write the generated part of the documentation
	$(BIN)/python docs/generate.py

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis dist build
