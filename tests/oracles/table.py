"""All oracles, by name: one line for each."""

from __future__ import annotations

from tests.oracles.certificates import OPENSSL_CMS, OPENSSL_TS, OSSLSIGNCODE
from tests.oracles.jar import JARSIGNER
from tests.oracles.keyless import PYPI_ATTESTATIONS, SIGSTORE_PYTHON
from tests.oracles.openpgp import GPGV, GPGV_CLEARTEXT, SQ_CLEARTEXT, SQV
from tests.oracles.oracle import Oracle
from tests.oracles.plain_keys import MINISIGN, SIGNIFY, SSH_KEYGEN
from tests.oracles.rpm import RPMKEYS

ORACLES: dict[str, Oracle] = {
    each.name: each
    for each in (
        SIGSTORE_PYTHON,
        PYPI_ATTESTATIONS,
        GPGV,
        GPGV_CLEARTEXT,
        SQV,
        SQ_CLEARTEXT,
        RPMKEYS,
        SSH_KEYGEN,
        MINISIGN,
        SIGNIFY,
        OPENSSL_CMS,
        OPENSSL_TS,
        OSSLSIGNCODE,
        JARSIGNER,
    )
}
