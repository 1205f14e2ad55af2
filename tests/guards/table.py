"""All guards; what each of the tables holds is said at its top."""

from __future__ import annotations

from tests.guards.certificates import CERTIFICATES
from tests.guards.documents import DOCUMENTS
from tests.guards.keys import KEYS
from tests.guards.readers import READERS
from tests.guards.sigstore import SIGSTORE

GUARDS = (*SIGSTORE, *DOCUMENTS, *KEYS, *CERTIFICATES, *READERS)
