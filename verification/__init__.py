"""Signature formats. Pure: bytes, trust and `now` come in, a Verification goes out.

A format is one file under `verification/formats/` and one line here, in the order in which they
are asked whether they recognise a piece of evidence. Entries are resolved on first use.

Formats are asked one after the other until one recognises the evidence, so asking is cheap: a
library that one format alone needs is imported in the function that needs it.
`tests/jobs/test_verify_imports.py` holds it.
"""

FORMATS = {
    "model-signing": "verification.formats.model_signing:ModelSigning",
    "sigstore-bundle": "verification.formats.sigstore_bundle:SigstoreBundle",
    "npm-attestations": "verification.formats.npm_attestations:NpmAttestations",
    "npm-signature": "verification.formats.npm_signature:NpmSignature",
    "pep740-attestation": "verification.formats.pep740:Pep740Attestation",
    "pep740-provenance": "verification.formats.pep740:Pep740Provenance",
    "cosign-attestation": "verification.formats.cosign_attestation:CosignAttestation",
    "cosign-blob": "verification.formats.cosign_blob:CosignBlob",
    "cosign-simple-signing": "verification.formats.cosign_simple:CosignSimpleSigning",
    "notation-jws": "verification.formats.notation:NotationJws",
    "notation-cose": "verification.formats.notation:NotationCose",
    "dsse": "verification.formats.dsse:Dsse",
    "git-object": "verification.formats.git_object:GitObjectSignature",
    "rpm": "verification.formats.rpm:Rpm",
    "ssh-signature": "verification.formats.ssh_signature:SshSignatureBeside",
    "minisign": "verification.formats.minisign:Minisign",
    "helm-provenance": "verification.formats.helm_provenance:HelmProvenance",
    "openpgp-cleartext": "verification.formats.openpgp:OpenPgpCleartext",
    "openpgp-detached": "verification.formats.openpgp:OpenPgpDetached",
    "rfc3161": "verification.formats.rfc3161:Rfc3161",
    "authenticode": "verification.formats.authenticode:Authenticode",
    "nuget": "verification.formats.nuget:NuGet",
    "jar": "verification.formats.jar:Jar",
    "cms": "verification.formats.cms_detached:CmsDetached",
    "checksum-list": "verification.formats.checksum_list:ChecksumList",
    "raw-signature": "verification.formats.raw_signature:RawSignature",
}

# Those whose evidence is a JSON object, with the fields of which one at least stands at its top:
# asked about no other bytes, and about no object without them, unless it is broken.
OBJECTS = {
    "model-signing": ("dsseEnvelope", "dsse_envelope"),
    "sigstore-bundle": ("mediaType", "media_type", "verificationMaterial"),
    "npm-attestations": ("attestations",),
    "npm-signature": ("dist", "versions"),
    "pep740-attestation": ("envelope",),
    "pep740-provenance": ("attestation_bundles",),
    "cosign-blob": ("base64Signature",),
    "notation-jws": ("protected",),
    "dsse": ("payloadType",),
}

# Those whose evidence is within the artifact: asked about it alone, and about nothing else.
INSIDE = frozenset({"git-object", "rpm", "authenticode", "nuget", "jar"})
