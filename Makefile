# What one does with Headstart. A fresh machine needs Python 3.11 or newer; the first target that
# needs the virtual environment makes it, and a second run installs nothing.
#   make demo    see it work
#   make check   what must hold before each commit, within three minutes
#   make test    every test but the next, with a real Kafka broker, Prometheus and Alertmanager
#   make test-cluster  what needs a real Kubernetes, built here from source, once
#   make test-trials   controllers and a real KEDA through minutes of outages on it: half an hour to build, once
#   make parts   get the broker, Prometheus and Alertmanager, once
#   make bench   measure speed, by hand
#   make soak    long random tests and many kills, on a real cluster too, by hand
#   make proto   render KEDA's interface as Python anew
#   make manifests  make anew what deploy/ has of the code: the custom resource, the chart's copies
#   make lock    pin anew what the *.in files ask for; UPGRADE=--upgrade takes newer versions
SHELL := /bin/bash
VENV := .venv
PY := $(VENV)/bin/python
# The locks name every package, so nothing is to be resolved: pip 23 would look at newer versions
# of what is asked for with extras, and refuse them for want of a hash.
PIP := $(PY) -m pip --disable-pip-version-check install --quiet --no-deps
SUITABLE := import sys; sys.exit(sys.version_info < (3, 11))
# The first of these that is new enough; looked for only when a virtual environment is made.
PYTHON = $(shell for name in python3.11 python3 python3.12 python3.13 python3.14; do \
	"$$name" -c '$(SUITABLE)' 2>/dev/null && echo "$$name" && break; done)
# Most of what takes long waits for real time, so three processes do well on two cores. Files that
# take longest go first (tests/longest.py); a file's tests stay together, as they share its servers.
AT_ONCE := -n 3 --dist loadfile --no-loadscope-reorder
# Nothing else needs a cluster, and collecting all the rest takes longer than one would think.
OF_CLUSTER := tests/integration/kubernetes
DEMO :=
UPGRADE :=
# Pure code, where a line that no test runs is a defect.
COVERED := models/*,controller/planner.py,controller/objective.py,controller/hold.py
COVERED := $(COVERED),controller/placement.py,controller/tick.py,controller/outcomes.py
COVERED := $(COVERED),controller/forecast_trust.py,controller/overdue.py,controller/observing.py
COVERED := $(COVERED),controller/cloud_event.py,controller/told.py
COVERED := $(COVERED),controller/replica_events.py,controller/plan_events.py
COVERED := $(COVERED),controller/start_requests.py,controller/pool_shares.py,controller/sharing.py,controller/needs.py,controller/demand_curve.py,controller/feedback.py,controller/ended_starts.py
COVERED := $(COVERED),controller/plan_actions.py,controller/free_nodes.py
COVERED := $(COVERED),controller/failure_streak.py,controller/pair_memory.py
COVERED := $(COVERED),controller/stages.py,controller/staged_starts.py,controller/staged_workloads.py,controller/worker_needs.py,controller/worker_stock.py
COVERED := $(COVERED),controller/parking_actions.py,controller/parking_codec.py,controller/parking_feedback.py
COVERED := $(COVERED),controller/parking_memory.py,controller/parking_places.py,controller/parking_plan.py,controller/simulation_parking.py
COVERED := $(COVERED),controller/boosts.py,controller/planning.py,controller/shadows.py,controller/shadow_plans.py,controller/shadow_fleets.py,controller/flows.py,controller/level_account.py,controller/level_choice.py,controller/evidence_codec.py,controller/drawn_starts.py,controller/begun_shadows.py

.PHONY: manifests help demo test test-cluster test-trials ready check bench soak lock proto parts develop venv

help:
	@sed -n 's/^#   //p' Makefile

demo: $(VENV)/.runs
	@$(VENV)/bin/headstart demo $(DEMO)

test: ready
	@$(PY) -m pytest $(AT_ONCE) -m "not cluster"

# Each process has a control plane of its own. Without a part it would be no test: that is said in
# one line.
test-cluster: develop
	@$(PY) -m tests.parts.go_build etcd kubernetes kwok helm
	@$(PY) -m pytest $(AT_ONCE) -m "cluster and not keda and not trial" $(OF_CLUSTER)

# Whole processes, KEDA among them, through outages that last for minutes.
test-trials: develop
	@$(PY) -m tests.parts.go_build
	@$(PY) -m pytest $(AT_ONCE) -m "keda or trial" $(OF_CLUSTER)

# A part that can't be had fails the tests that need it, in their own words; the rest still runs.
ready: develop
	@$(PY) -m tests.parts.fetch || true

check: develop
	$(PY) -m ruff format --check --quiet .
	$(PY) -m ruff check --quiet .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports --no-logo
	$(PY) -m pytest -q -n 2 -m "not real" --cov=models --cov=controller --cov-report=
	$(PY) -m coverage report --include="$(COVERED)" --skip-covered --show-missing --fail-under=100

# Not those that play all of `decisions` seven times or more.
bench: develop
	@set -e; for bench in $(filter-out %/leave_one_out.py %/fixed_levels.py,$(wildcard benchmarks/[a-z]*.py)); do \
		echo "== $$bench"; $(PY) "$$bench"; done

soak: ready
	@HYPOTHESIS_PROFILE=soak $(PY) -m pytest --timeout=0 tests/property \
		tests/integration/controller/test_events.py tests/integration/test_sharded.py
	@$(PY) -m tests.parts.go_build
	@HEADSTART_KILLS=100 HEADSTART_AWAY_SECONDS=30 $(PY) -m pytest -s --timeout=0 \
		tests/integration/kubernetes/test_killed_leaders.py \
		tests/integration/kubernetes/test_api_trouble.py

parts: develop
	@$(PY) -m tests.parts.fetch

proto: develop
	@cd controller/adapters/keda && "$(CURDIR)/$(PY)" -m grpc_tools.protoc -I. \
		--python_out=. --pyi_out=. externalscaler.proto

manifests: develop
	@$(PY) -m headstart.manifests

lock: develop
	@set -e; for name in requirements requirements-dev; do \
		$(PY) -m uv pip compile --quiet --generate-hashes --no-emit-index-url --universal \
			--python-version 3.11 --custom-compile-command "make lock" $(UPGRADE) \
			"$$name.in" --output-file "$$name.lock"; done

develop: $(VENV)/.develops

$(VENV)/.develops: requirements-dev.lock $(VENV)/.runs
	@echo "Installing what the tests need (once)"
	@$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@

$(VENV)/.runs: requirements.lock pyproject.toml | venv
	@echo "Installing Headstart into $(VENV) (once, a minute or two)"
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-build-isolation -e .
	@touch $@

venv:
	@if [ ! -e $(VENV) ]; then \
		python="$(PYTHON)"; \
		[ -n "$$python" ] || { echo "Headstart needs Python 3.11 or newer; none is on PATH" >&2; exit 1; }; \
		"$$python" -m venv $(VENV) || { rm -rf $(VENV); exit 1; }; \
	elif ! $(PY) -c '$(SUITABLE)' 2>/dev/null; then \
		echo "$(VENV) was not made by Python 3.11 or newer: remove it and run make again" >&2; exit 1; \
	fi
