# `make demo` and `make test` each create .venv and install what they need; nothing else has to be there but Python.

PYTHON ?= $(shell for p in python3.12 python3.11 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
DEVICE_VENV := .venv-device
BIN := $(VENV)/bin
TORCH := 2.13.0
TORCH_CPU_INDEX := https://download.pytorch.org/whl/cpu
RUNTIME_TESTS := tests/test_situation.py tests/test_wording.py tests/test_boxes.py tests/test_images.py tests/test_hostile_images.py tests/test_tensorfile.py \
	tests/test_imports.py tests/cli/test_cli.py tests/test_doctor.py tests/test_app.py tests/runtime tests/scoring tests/data/test_swig.py \
	tests/data/test_check.py tests/data/test_hico_files.py tests/data/test_vcoco_files.py tests/cli/test_cli_score.py

.PHONY: demo bench test test-long test-device check lint format types clean

demo: $(VENV)/.train
	$(BIN)/edgegsr demo --out demo

test: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not long"

# what takes longest: killed commands, both heads at once, two processes, the networks of two stages
test-long: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m long

# what takes minutes is measured anew, on a machine that does nothing else; trainings keep their results. Then README's tables
bench: $(VENV)/.dev
	$(BIN)/pip install -q -e ".[openvino]"
	for b in peers two_stage int8_peak roofline scoring_speed diorama_speed loader_speed train_speed; do \
		$(BIN)/python benchmarks/$$b.py --out benchmarks/results/$$(echo $$b | tr _ - | sed s/scoring-speed/scoring/).json || exit 1; done
	$(BIN)/python benchmarks/pair_scoring_speed.py --out benchmarks/results/pair-scoring.json
	$(BIN)/python benchmarks/cold_start.py models/diorama-nano/bundle --out benchmarks/results/cold-start.json
	$(BIN)/python benchmarks/tables.py

check: lint types test test-long test-device

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

types: $(VENV)/.dev
	$(BIN)/mypy

# the runtime side once more, where nothing of torch is installed: what a board has
test-device: $(DEVICE_VENV)/.device
	$(DEVICE_VENV)/bin/python -m pytest -n 2 --dist loadfile $(RUNTIME_TESTS)

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "wanted Python 3.11 or newer, found none; install it or run: make PYTHON=/path/to/python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)

# CPU-only torch where it can be had: an index that carries it, PyTorch's own, else the default build
$(VENV)/.torch: | $(BIN)/python
	$(BIN)/pip install -q "torch==$(TORCH)+cpu" 2>/dev/null \
		|| $(BIN)/pip install -q "torch==$(TORCH)+cpu" --extra-index-url $(TORCH_CPU_INDEX) --retries 1 2>/dev/null \
		|| $(BIN)/pip install -q "torch==$(TORCH)"
	touch $@

$(VENV)/.train: pyproject.toml $(VENV)/.torch
	$(BIN)/pip install -q -e ".[train]"
	touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.torch
	$(BIN)/pip install -q -e ".[dev]"
	touch $@ $(VENV)/.train

$(DEVICE_VENV)/.device: pyproject.toml
	@test -n "$(PYTHON)" || { echo "wanted Python 3.11 or newer, found none"; exit 2; }
	$(PYTHON) -m venv $(DEVICE_VENV)
	$(DEVICE_VENV)/bin/pip install -q -e . pytest pytest-xdist hypothesis
	touch $@

clean:
	rm -rf $(VENV) $(DEVICE_VENV) demo build *.egg-info .pytest_cache .mypy_cache .ruff_cache
