"""Signature formats. Pure: bytes, trust and `now` come in, a Verification goes out.

A format is one file under `verification/formats/` and one line here, in the order in which they
are asked whether they recognise a piece of evidence. Entries are resolved on first use.
"""

FORMATS = {
    "cosign-simple-signing": "verification.formats.cosign_simple:CosignSimpleSigning",
    "dsse": "verification.formats.dsse:Dsse",
    "openpgp-cleartext": "verification.formats.openpgp:OpenPgpCleartext",
    "openpgp-detached": "verification.formats.openpgp:OpenPgpDetached",
    "checksum-list": "verification.formats.checksum_list:ChecksumList",
    "raw-signature": "verification.formats.raw_signature:RawSignature",
}
