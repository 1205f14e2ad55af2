"""The twenty classes of attack, and the test files that hold a test of each.

A test stands for a class by its name: `test_attack_07_...`, or a class `TestAttack07...` of them.
Every family of formats in which an attack bites has a file here, and keeps a test of it:
`test_guards.py` compares the list with the tests there are.
"""

from __future__ import annotations

CLASSES: dict[int, str] = {
    1: "A log entry, signature or time that is another artifact's, key's or certificate's",
    2: "The window in which a key counts is ignored",
    3: "A time is believed without proof: the log's without its promise, the signer's word",
    4: "A predicate, payload or purpose of another kind; a good signature over something else",
    5: "A tag moves or bytes change between resolving and verifying",
    6: "An identity pattern that matches too much, or for too long; another kind of name",
    7: "Annotations, hints and what lies beside are believed before verification",
    8: "The signature or its header chooses the algorithm or the key",
    9: "The certificate is for other uses, or no authority's",
    10: "Keys and hashes that are expired, revoked, too short or forgeable; unbound subkeys",
    11: "Text injected around a signed message; a second message",
    12: "A signature covers a part, and the rest passes with it",
    13: "A missing or broken signature falls back to an older or any other one",
    14: "Requests that an answer sends elsewhere: private networks, other hosts",
    15: "Credentials sent to another host than theirs",
    16: "Bombs: sizes, counts, depth and work without an end",
    17: "Names that lead out of their place, or stand twice",
    18: "Lenient readers: two spellings of one thing, or two readings of one spelling",
    19: "Rollback and freeze of signed metadata and roots",
    20: "Names and texts that steer a page, a terminal or a spreadsheet",
}

FORMATS_FOLDER = "verification/formats/test_"
# The files, without the ending; `~` stands for the folder of the formats.
_FILES: dict[int, str] = {
    1: "verification/sigstore/test_sigstore_attacks verification/git/test_git_cms "
    "verification/test_mutants verification/cms/test_timestamps ~authenticode ~cms_detached "
    "~cosign_blob ~git_object ~jar ~minisign ~model_signing ~notation ~npm_attestations "
    "~npm_signature ~pep740 ~rpm",
    2: "verification/sigstore/test_sigstore_attacks verification/x509/test_certificate_chain "
    "verification/openpgp/test_openpgp verification/cms/test_timestamps verification/test_trust "
    "~cms_detached ~cosign_simple ~dsse ~minisign ~model_signing ~npm_attestations ~npm_signature "
    "~raw_signature ~ssh_signature",
    3: "verification/sigstore/test_sigstore_attacks verification/git/test_git_cms ~authenticode "
    "~cms_detached ~git_object ~notation ~npm_signature",
    4: "verification/sigstore/test_sigstore_attacks verification/openpgp/test_openpgp "
    "~authenticode ~checksum_list ~cms_detached ~cosign_simple ~dsse ~git_object ~helm_provenance "
    "~model_signing ~notation ~npm_attestations ~pep740 ~ssh_signature",
    5: "collectors/test_apt collectors/test_oci collectors/test_oci_hostile jobs/test_oci_scan "
    "~cosign_simple",
    6: "core/test_glob policy/test_signed_by verification/test_builder_identity "
    "verification/ssh/test_ssh_signers verification/x509/test_subject_names "
    "verification/x509/test_certificate_rules verification/sigstore/test_sigstore_parts "
    "verification/test_verifier ~notation ~npm_attestations ~pep740 ~ssh_signature",
    7: "verification/sigstore/test_sigstore_attacks ~cosign_blob ~cosign_simple ~dsse ~git_object "
    "~pep740 ~raw_signature",
    8: "verification/keys/test_public_key verification/cms/test_timestamps ~cms_detached ~dsse "
    "~notation ~ssh_signature",
    9: "verification/sigstore/test_sigstore_attacks verification/x509/test_certificate_chain "
    "verification/x509/test_certificate_path verification/x509/test_certificate_rules "
    "verification/openpgp/test_openpgp_diagnosis verification/x509/test_revocation "
    "verification/cms/test_timestamps ~authenticode ~cms_detached ~notation ~ssh_signature",
    10: "verification/x509/test_certificate_chain verification/openpgp/test_openpgp "
    "verification/keys/test_public_key verification/x509/test_revocation "
    "verification/cms/test_timestamps ~authenticode ~cms_detached ~jar ~notation ~rpm "
    "~ssh_signature",
    11: "collectors/test_apt core/test_cleartext jobs/test_verify_command "
    "verification/openpgp/test_openpgp ~helm_provenance ~minisign ~ssh_signature",
    12: "jobs/test_oci_layout jobs/test_repomd_chain ~authenticode ~jar ~model_signing ~notation "
    "~nuget ~rpm",
    13: "collectors/test_extending jobs/test_verify_command policy/test_signed_by ~cms_detached "
    "~jar ~npm_attestations ~npm_signature ~nuget ~pep740 ~rpm",
    14: "collectors/test_oci_hostile net/test_address net/test_http",
    15: "collectors/test_oci_hostile net/test_bearer net/test_http",
    16: "collectors/test_apt collectors/test_evidence_size collectors/test_oci_hostile "
    "core/test_repodata jobs/test_hostile jobs/test_oci_layout jobs/test_verify_limits "
    "net/test_http verification/readers/test_cbor verification/x509/test_certificate_path "
    "verification/x509/test_certificate_rules verification/readers/test_der "
    "verification/x509/test_stranger_chains verification/cms/test_timestamps "
    "verification/archives/test_zip_archive ~dsse ~jar ~notation ~rfc3161",
    17: "core/test_checksums jobs/test_oci_layout verification/archives/test_zip_archive ~jar "
    "~model_signing",
    18: "core/test_repodata core/test_wire verification/sigstore/test_sigstore_attacks "
    "verification/sigstore/test_sigstore_bundle "
    "verification/readers/test_ber verification/readers/test_cbor verification/readers/test_der "
    "verification/archives/test_jar_manifest verification/notation/test_notation_jws ~git_object "
    "~helm_provenance ~notation ~rpm",
    19: "collectors/test_apt jobs/test_apt_scan jobs/test_trust_refresh "
    "verification/openpgp/test_release",
    20: "core/test_text dashboard/test_dashboard_numbers dashboard/test_dashboard_pages "
    "dashboard/test_dashboard_parts jobs/test_verify_command verification/openpgp/test_release",
}
FAMILIES: dict[int, tuple[str, ...]] = {
    number: tuple(files.split()) for number, files in _FILES.items()
}
