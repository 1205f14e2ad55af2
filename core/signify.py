"""Take apart what OpenBSD's `signify -S -e` writes: a signature, and the message right behind it.

The form of OpenBSD's own `SHA256.sig` (signify(1)). As with text signed by OpenPGP, callers use the
message that comes out here, never the file around it.

Pure and shared: who chains lists and who verifies must see the same message.
"""

from __future__ import annotations

import re

# Two lines: a comment, and base64 of `Ed`, a key id and a signature.
_HEAD = re.compile(rb"untrusted comment: [^\r\n]{0,1024}\nRW[Q-T][A-Za-z0-9+/]{96}=\n")
# How the second half of minisign's signatures begins, which stand beside what they are over.
_MINISIGN = b"trusted comment:"


def embedded_message(content: bytes) -> bytes | None:
    """Return the message behind a signature; None where none is, or it is no such file."""
    head = _HEAD.match(content)
    if head is None or head.end() == len(content) or content.startswith(_MINISIGN, head.end()):
        return None
    return content[head.end() :]
