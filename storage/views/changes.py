"""What became different since an instant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from storage.filters import Change, Count, SignerFilter


@dataclass(frozen=True, slots=True)
class SignerCount:
    """A number of signers and the filter of the list that it counts."""

    number: int
    filter: SignerFilter


@dataclass(frozen=True, slots=True)
class Changes:
    """What became different since an instant."""

    since: datetime
    counts: Mapping[Change, Count]  # all of Change
    new_signers: SignerCount
