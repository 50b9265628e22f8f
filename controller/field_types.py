"""Types of the fields in our files; each says in words what it allows."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from controller.schema import Says

Above0 = Annotated[float, Field(gt=0, allow_inf_nan=False), Says("must be a number above 0")]
# Less would take more replicas than can be counted, whatever the demand.
PerReplica = Annotated[
    float,
    Field(ge=1e-6, allow_inf_nan=False),
    Says("must be a number of at least 0.000001"),
]
AtLeast0 = Annotated[
    float, Field(ge=0, allow_inf_nan=False), Says("must be a number of at least 0")
]
Count = Annotated[int, Field(ge=0), Says("must be a whole number of at least 0")]
# As many as Kubernetes counts of replicas. Numbers beyond any float can't be planned with.
Replicas = Annotated[
    int, Field(ge=0, le=2_147_483_647), Says("must be a whole number from 0 to 2147483647")
]
Replicas1 = Annotated[
    int, Field(ge=1, le=2_147_483_647), Says("must be a whole number from 1 to 2147483647")
]
Priority = Annotated[
    int,
    Field(ge=-1_000_000_000, le=1_000_000_000),
    Says("must be a whole number from -1000000000 to 1000000000"),
]
# Prices are divided by each other, sizes are fed to exponentials of their logarithms.
Price = Annotated[float, Field(ge=1e-12, le=1e12), Says("must be a number from 1e-12 to 1e12")]
Gibibytes = Annotated[
    float, Field(gt=0, le=1_000_000), Says("must be a number above 0 and of at most 1000000")
]
Switch = Annotated[bool, Says("must be true or false")]
Text = Annotated[str, Field(min_length=1), Says("must be text that is not empty")]
LabelValue = Annotated[str, Says("must be text; put a number or a true in quotes")]
ObjectName = Annotated[
    str,
    Field(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$"),
    Says("must be a name of lower-case letters, digits, - and . (at most 253)"),
]
NamespaceName = Annotated[
    str,
    Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"),
    Says("must be a name of lower-case letters, digits and - (at most 63)"),
]
Step = Annotated[float, Field(ge=1, le=3600), Says("must be a number from 1 to 3600")]
Days = Annotated[float, Field(gt=0, le=366), Says("must be a number above 0 and of at most 366")]
Attainment = Annotated[
    float, Field(gt=0.5, lt=1), Says("must be a number above 0.5 and below 1, such as 0.99")
]
