"""The keys an npm registry signs with: the list it publishes, in both of its forms.

One is the registry's own answer (`{"keys": [{"keyid", "keytype", "scheme", "key", "expires"}]}`),
the other a target of Sigstore's TUF repository (`{"keys": [{"keyId", "keyUsage", "publicKey":
{"rawBytes", "keyDetails", "validFor": {"start", "end"}}}]}`), which says what each key is for. A
key id is opaque: it names a key within its list and is no fingerprint of ours.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import lru_cache

from core import wire
from core.errors import MalformedError, TooLargeError
from core.frozen import dataclass
from core.limits import Limits
from core.model import Trust, TrustEntry, TrustKind
from verification.keys.keyed import GivenKeys
from verification.keys.public_key import PublicKey, load_public_key
from verification.only import kept_by_only
from verification.predicates import fields

SIGNATURES = "npm:signatures"
ATTESTATIONS = "npm:attestations"
MAX_KEYS = 256
_DETAILS = "PKIX_ECDSA_P256_SHA_256"
_KEY_TYPE = "ecdsa-sha2-nistp256"


@dataclass(frozen=True, slots=True)
class RegistryKey:
    """One key of a registry's list; `usage` is empty where the list does not say what it is for."""

    key_id: str
    usage: str
    key: PublicKey

    def serves(self, usage: str) -> bool:
        """Say whether the key may be used for this."""
        return self.usage in ("", usage)


@dataclass(frozen=True, slots=True)
class RegistryKeys:
    """The keys of a list, and what is wrong with those that were left out."""

    keys: tuple[RegistryKey, ...]
    broken: tuple[str, ...] = ()


@lru_cache(maxsize=64)
def read_registry_keys(entry: TrustEntry) -> RegistryKeys:
    """Read a trust entry of kind REGISTRY_KEYS; raise MalformedError where no key can be read.

    A key counts inside the window the list gives it and inside the one of the trust entry, and
    only where the entry's `only` names its id or fingerprint.
    """
    document = wire.as_mapping(wire.read_json(entry.content, limits=Limits()), "the list of keys")
    items = wire.items(document, "keys")
    if len(items) > MAX_KEYS:
        raise TooLargeError(f"{len(items)} keys in one list, more than {MAX_KEYS}")
    keys: list[RegistryKey] = []
    broken: list[str] = []
    for number, item in enumerate(items, start=1):
        try:
            keys.append(_narrowed(_key(item), entry))
        except MalformedError as error:
            broken.append(f"key {number} of the list: {error}")
    if not keys:
        raise MalformedError(broken[0] if broken else "a list without any key")
    kept = kept_by_only(entry, [((one.key_id, one.key.fingerprint), one) for one in keys])
    return RegistryKeys(tuple(kept), tuple(broken))


def keys_named(trust: Trust, key_id: str, usage: str) -> GivenKeys:
    """Return the keys of all lists in a trust that go by this id and may be used for this.

    What is wrong with a list is told only where no key goes by the id: it may be the one meant.
    """
    found = _gathered(trust, usage, key_id)
    return GivenKeys(found.keys) if found.keys else found


def keys_for(trust: Trust, usage: str) -> GivenKeys:
    """Return the keys of all lists in a trust that may be used for this."""
    return _gathered(trust, usage, None)


def _gathered(trust: Trust, usage: str, key_id: str | None) -> GivenKeys:
    keys: list[PublicKey] = []
    broken: list[str] = []
    for entry in trust.entries:
        if entry.kind is not TrustKind.REGISTRY_KEYS:
            continue
        try:
            listed = read_registry_keys(entry)
        except MalformedError as error:
            broken.append(f"{entry.name}: {error}")
            continue
        keys += [x.key for x in listed.keys if x.serves(usage) and key_id in (None, x.key_id)]
        broken += [f"{entry.name}: {words}" for words in listed.broken]
    return GivenKeys(tuple(keys), tuple(broken))


def _key(item: object) -> RegistryKey:
    document = wire.as_mapping(item, "a key")
    return _tuf_key(document) if "publicKey" in document else _registry_key(document)


def _narrowed(read: RegistryKey, entry: TrustEntry) -> RegistryKey:
    key = replace(
        read.key,
        name=f"{entry.name}, {read.key_id}",
        valid_from=_latest(read.key.valid_from, entry.valid_from),
        valid_until=_earliest(read.key.valid_until, entry.valid_until),
    )
    return replace(read, key=key)


def _tuf_key(document: dict[str, object]) -> RegistryKey:
    public = wire.mapping(document, "publicKey")
    _demand(fields.text(public, "keyDetails"), _DETAILS)
    window = fields.optional_mapping(public, "validFor")
    key = _load(fields.text(public, "rawBytes"))
    start, end = (_moment(fields.optional_timestamp(window, each)) for each in ("start", "end"))
    usage = fields.text(document, "keyUsage")
    key = replace(key, valid_from=start, valid_until=end)
    return RegistryKey(fields.text(document, "keyId"), usage, key)


def _registry_key(document: dict[str, object]) -> RegistryKey:
    _demand(fields.text(document, "keytype"), _KEY_TYPE)
    _demand(fields.text(document, "scheme"), _KEY_TYPE)
    ends = _moment(fields.optional_timestamp(document, "expires"))
    key = replace(_load(fields.text(document, "key")), valid_until=ends)
    return RegistryKey(fields.text(document, "keyid"), "", key)


def _demand(stated: str, wanted: str) -> None:
    if stated != wanted:
        raise MalformedError(f"a key of the kind {stated[:80]!r}: only {wanted} is known")


def _load(encoded: str) -> PublicKey:
    key = load_public_key(wire.decode_base64(encoded, what="the key"))
    if key.algorithm != "ECDSA-P256":
        raise MalformedError(f"a key of the kind {key.algorithm}, not the ECDSA-P256 it is said")
    return key


def _moment(written: str) -> datetime | None:
    return datetime.fromisoformat(written) if written else None


def _latest(*moments: datetime | None) -> datetime | None:
    return max((each for each in moments if each is not None), default=None)


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((each for each in moments if each is not None), default=None)
