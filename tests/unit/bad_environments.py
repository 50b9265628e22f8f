"""Environment files that are refused."""

from __future__ import annotations

from tests.unit.bad_input import BadInput

BAD_ENVIRONMENTS = (
    BadInput(
        "a list",
        "- 3\n",
        (
            "environment.yaml:1: must be a mapping of restore, coldStart, changes, standby, "
            "metrics, nodeLosses, parking, learning and seed",
        ),
    ),
    BadInput(
        "two documents",
        "seed: 1\n---\nseed: 2\n",
        ("environment.yaml:3: a second document is not allowed: an environment is one",),
    ),
    BadInput(
        "a median of nothing",
        "restore: {medianSeconds: 0}\n",
        (
            "environment.yaml:1: restore.medianSeconds: 0 is not allowed: "
            "must be a number above 0 and of at most 86400",
        ),
    ),
    BadInput(
        "a share above one",
        "restore: {hangShare: 1.1}\n",
        (
            "environment.yaml:1: restore.hangShare: 1.1 is not allowed: "
            "must be a number from 0 to 1",
        ),
    ),
    BadInput(
        "shares above one",
        "restore: {hangShare: 0.6, failureShare: 0.6}\n",
        ("environment.yaml:1: restore: failureShare and hangShare must not add up to more than 1",),
    ),
    BadInput(
        "a wild spread",
        "coldStart: {sigma: 50}\n",
        ("environment.yaml:1: coldStart.sigma: 50 is not allowed: must be a number from 0 to 5",),
    ),
    BadInput(
        "a change of nothing",
        "changes: [{atSeconds: 3}]\n",
        ("environment.yaml:1: changes[0]: needs restore, coldStart or parking: what changes",),
    ),
    BadInput(
        "a change at no time",
        "changes: [{restore: {sigma: 1}}]\n",
        ("environment.yaml:1: changes[0].atSeconds: is missing: must be a number of at least 0",),
    ),
    BadInput(
        "a misspelt field",
        "coldstart: {sigma: 1}\n",
        ("environment.yaml:1: coldstart: unknown field: did you mean coldStart?",),
    ),
    BadInput(
        "half a node",
        "standby: {nodes: 1.5}\n",
        (
            "environment.yaml:1: standby.nodes: 1.5 is not allowed: "
            "must be a whole number from 1 to 100000",
        ),
    ),
    BadInput(
        "an outage that ends before it begins",
        "metrics: {outages: [{fromSeconds: 9, toSeconds: 3}]}\n",
        (
            "environment.yaml:1: metrics.outages[0].toSeconds: 3 is not allowed: "
            "must be later than fromSeconds, 9",
        ),
    ),
    BadInput(
        "a node that is not there",
        "standby: {nodes: 2}\nnodeLosses: [{atSeconds: 1, node: 2}]\n",
        (
            "environment.yaml:2: nodeLosses[0].node: 2 is not allowed: "
            "must be from 0 to 1, as standby has 2 nodes",
        ),
    ),
    BadInput(
        "a node back too early",
        "nodeLosses: [{atSeconds: 5, node: 2, backAtSeconds: 5}]\n",
        (
            "environment.yaml:1: nodeLosses[0].backAtSeconds: 5 is not allowed: "
            "must be later than atSeconds, 5",
        ),
    ),
    BadInput(
        "a negative seed",
        "seed: -1\n",
        ("environment.yaml:1: seed: -1 is not allowed: must be a whole number of at least 0",),
    ),
    BadInput(
        "a parking for nobody",
        "parking: {perNode: 0}\n",
        (
            "environment.yaml:1: parking.perNode: 0 is not allowed: "
            "must be a whole number from 1 to 1024",
        ),
    ),
    BadInput(
        "a parking of which nothing is said",
        "seed: 1\nparking:\n",
        (
            "environment.yaml:2: parking: must not be empty: write parking: {} for two stages, "
            "or leave it out for one",
        ),
    ),
    BadInput(
        "a host part that takes no time",
        "parking:\n  medianSeconds: 0\n  sigma: 9\n",
        (
            "environment.yaml:2: parking.medianSeconds: 0 is not allowed: "
            "must be a number above 0 and of at most 86400",
            "environment.yaml:3: parking.sigma: 9 is not allowed: must be a number from 0 to 5",
        ),
    ),
    BadInput(
        "a share of host parts of their own",
        "parking: {failureShare: 0.1}\n",
        (
            "environment.yaml:1: parking.failureShare: unknown field: "
            "known here: medianSeconds, sigma, perNode",
        ),
    ),
    BadInput(
        "a change of a parking that is not there",
        "changes:\n  - {atSeconds: 3, parking: {sigma: 1}}\n",
        (
            "environment.yaml:2: changes[0].parking: must not be given where the world has no "
            "parking: restores have one stage",
        ),
    ),
    BadInput(
        "a memory that changes",
        "parking: {}\nchanges: [{atSeconds: 3, parking: {perNode: 1}}]\n",
        (
            "environment.yaml:2: changes[0].parking.perNode: unknown field: "
            "known here: medianSeconds, sigma",
        ),
    ),
    BadInput(
        "a learning that is a number",
        "learning: 1\n",
        ("environment.yaml:1: learning: 1 is not allowed: must be true or false",),
    ),
    BadInput(
        "a pool beyond counting",
        "standby: {nodes: 1000000000, gpusPerNode: 1000000}\n",
        (
            "environment.yaml:1: standby.nodes: 1000000000 is not allowed: "
            "must be a whole number from 1 to 100000",
            "environment.yaml:1: standby.gpusPerNode: 1000000 is not allowed: "
            "must be a whole number from 1 to 1024",
        ),
    ),
    BadInput(
        "starts that take years",
        "restore: {medianSeconds: 1.0e+9}\n",
        (
            "environment.yaml:1: restore.medianSeconds: 1.0e+9 is not allowed: "
            "must be a number above 0 and of at most 86400",
        ),
    ),
    BadInput(
        "two changes at once",
        "changes:\n"
        "- {atSeconds: 60, restore: {medianSeconds: 9}}\n"
        "- {atSeconds: 60, restore: {medianSeconds: 8}}\n",
        (
            "environment.yaml:3: changes[1].atSeconds: 60 is not allowed: "
            "must differ from every other change's",
        ),
    ),
)
