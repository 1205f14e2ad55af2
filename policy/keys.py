"""Keys of the full language that are not built yet: using one is an error, never ignored."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

NOT_YET = "is a word of the policy language that is not supported yet; remove it"
# Where a requirement's checks stand. Fields of models use NotYet instead.
NOT_YET_CHECKS = frozenset({"provenance", "no_downgrade", "device", "when"})


def _refuse(value: object) -> object:  # noqa: ARG001 - whatever stands there, the key is not built
    raise ValueError(NOT_YET)


def _refuse_entries(value: object) -> object:
    if value:
        raise ValueError(NOT_YET)
    return []


NotYet = Annotated[None, BeforeValidator(_refuse)]
NotYetList = Annotated[list[object], BeforeValidator(_refuse_entries)]
