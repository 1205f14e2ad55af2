"""Codes that only a policy or a status uses: no verification has them as its reason."""

from __future__ import annotations

from core.reason import RESERVED, Reason

_PAGES = "countersign serve"

POLICY = (
    Reason(
        "NO_SIGNATURE",
        None,
        "policy",
        "There is no signature",
        "We looked everywhere that signatures of this kind are kept, and found none.",
        (
            "the release job does not sign, or signs only some of its files",
            "the signature was published under another name or digest",
            "it was rebuilt after signing",
        ),
        "Sign it in the release job. The list of places looked at is shown with the artifact.",
        _PAGES,
    ),
    Reason(
        "SIGNATURE_NOT_MIRRORED",
        None,
        "policy",
        "The copy left its signature behind",
        "The same content is signed at another source, but this copy was made without its"
        " signatures.",
        (
            "the tool that copies images does not copy what is attached to them",
            "a proxy caches files and not their signatures",
        ),
        "Copy the attached evidence too; the artifact's page shows the place that has it.",
        RESERVED,
    ),
    Reason(
        "SIGNERS_TOO_FEW",
        None,
        "policy",
        "Not enough of the right people signed",
        "Some of the signers that the policy names have signed, but fewer different ones than it"
        " demands. Two signatures by one signer count once.",
        (
            "a second signature was forgotten, or has not been published yet",
            "the second signature was made with the same key",
            "the other signature does not verify: see the artifact's evidence",
        ),
        "Have it signed by a further signer that the policy names.",
        _PAGES,
    ),
    Reason(
        "NEW_SIGNER",
        None,
        "policy",
        "Signed by somebody new",
        "A signer that never signed this artifact's name before has signed it now. That may be"
        " right; somebody should look.",
        (
            "a new maintainer, or a new pipeline",
            "a key rotation",
            "an account was taken over",
        ),
        "Confirm the signer with the owner, then name it in the policy.",
        RESERVED,
    ),
    Reason(
        "IDENTITY_SOURCE_REPOSITORY",
        None,
        "policy",
        "Built from another repository",
        "The certificate says from which repository the signing pipeline ran, and the policy"
        " expects another.",
        (
            "the project moved or was renamed",
            "a fork called the same shared workflow",
        ),
        "Compare expected and found, and change the policy only if the new place is yours.",
        RESERVED,
    ),
    Reason(
        "IDENTITY_SOURCE_OWNER",
        None,
        "policy",
        "Built by another owner",
        "The certificate says whose repository the signing pipeline ran for, and the policy expects"
        " another owner. A shared workflow alone proves nothing about who called it.",
        (
            "a fork under another account called the same workflow",
            "the organisation was renamed",
        ),
        "Compare expected and found; an owner's number stays the same when its name changes.",
        RESERVED,
    ),
    Reason(
        "IDENTITY_RUNNER",
        None,
        "policy",
        "Built on the wrong kind of machine",
        "The policy demands machines run by the provider (or your own), and the certificate names"
        " the other kind.",
        ("a job was moved to a self-hosted runner", "the certificate does not say"),
        "Run the release job where the policy demands it.",
        RESERVED,
    ),
    Reason(
        "PROVENANCE_MISSING",
        None,
        "policy",
        "Nothing says how it was built",
        "The policy demands provenance, and no verified one covers this artifact.",
        (
            "the build does not produce provenance",
            "it was published elsewhere, or only for some platforms",
            "it is there but was not verified: see the artifact's evidence",
        ),
        "Have the build produce provenance and attach it to this digest.",
        RESERVED,
    ),
    Reason(
        "PROVENANCE_DOWNGRADE",
        None,
        "policy",
        "Earlier versions had provenance",
        "Versions before this one came with provenance, this one comes without or with a weaker"
        " one. That is what a release by hand looks like, and a stolen upload token.",
        (
            "the release was made by hand in a hurry",
            "the pipeline was changed",
            "somebody published with stolen credentials",
        ),
        "Ask who published this version; release again from the pipeline.",
        RESERVED,
    ),
    Reason(
        "BUILDER_UNTRUSTED",
        None,
        "policy",
        "Built by a builder you do not accept",
        "The provenance names a builder that the policy does not list.",
        (
            "the build moved to another system or another version of a reusable workflow",
            "the policy names the builder without its version",
        ),
        "Compare expected and found; add the builder to the policy if you accept it.",
        RESERVED,
    ),
    Reason(
        "SOURCE_MISMATCH",
        None,
        "policy",
        "Built from other source code",
        "The provenance says from which repository, branch or tag it was built, and the policy"
        " expects another.",
        ("it was built from a branch in place of a tag", "a fork was built", "the project moved"),
        "Build from the source that the policy names, or change the policy.",
        RESERVED,
    ),
    Reason(
        "SLSA_LEVEL_TOO_LOW",
        None,
        "policy",
        "The build level is too low",
        "The level that can be shown for this builder is below the one the policy demands.",
        ("the builder only reaches a lower level", "the builder has no level in the policy"),
        "Build on a system of the level demanded, or state the builder's level in the policy.",
        RESERVED,
    ),
    Reason(
        "SLSA_NOT_STATED",
        None,
        "policy",
        "Nobody stated a build level",
        "The policy demands a level, and neither a verified summary nor the policy's own list of"
        " builders states one. A level claimed by the build itself does not count.",
        ("the builder is not in the policy's list", "no verification summary is attached"),
        "Add the builder with its level to the policy, or attach a verification summary.",
        RESERVED,
    ),
    Reason(
        "DEVICE_NONCOMPLIANT",
        None,
        "policy",
        "Signed on a device that was not compliant",
        "At the time of signing, the device source said that this device did not meet its rules.",
        (
            "the disk was not encrypted, or updates were missing",
            "the device was marked lost or compromised",
        ),
        "Repair the device, wait for its source to say so, and sign again from it.",
        RESERVED,
    ),
    Reason(
        "DEVICE_UNKNOWN",
        None,
        "policy",
        "We do not know the device",
        "No device can be tied to this signature, or the one that is tied is in no device source.",
        (
            "the device is not enrolled",
            "the signer is not mapped to a person or device",
            "the device source was not read yet",
        ),
        "Enrol the device or map the signer, then read the devices again.",
        RESERVED,
    ),
    Reason(
        "DEVICE_STALE",
        None,
        "policy",
        "The device was last seen too long ago",
        "The newest report on the device at the time of signing is older than the policy allows.",
        ("the device was offline", "the device source is read too rarely, or failing"),
        "Bring the device online, and check that the device source can be read.",
        RESERVED,
    ),
    Reason(
        "DEVICE_NONE",
        None,
        "policy",
        "No device stands behind it",
        "The signature was made by a pipeline or a service, where the policy demands a person's"
        " device.",
        ("the policy covers artifacts that pipelines sign", "a service key was used"),
        "Limit the requirement to what people sign, or state another one for pipelines.",
        RESERVED,
    ),
    Reason(
        "PERSON_UNKNOWN",
        None,
        "policy",
        "We do not know the person",
        "The signer could not be matched to anybody in your directory.",
        (
            "the e-mail address of the key is not the one in the directory",
            "an outside contributor signed",
        ),
        "Add the address or key to the person's entry, or map it in the settings.",
        RESERVED,
    ),
    Reason(
        "PERSON_REVOKED",
        None,
        "policy",
        "The person had left",
        "The signer belongs to a person whose account was disabled at the time of signing.",
        ("somebody left and the key was not withdrawn", "an account was suspended"),
        "Have it signed again by somebody in office; withdraw the key.",
        RESERVED,
    ),
    Reason(
        "RULE_FALSE",
        None,
        "policy",
        "A rule of yours says no",
        "The expression written in the policy came out false for this artifact.",
        ("the artifact breaks the rule", "the rule says something else than was meant"),
        "Read the requirement's own text, and the facts on the artifact's page.",
        _PAGES,
    ),
    Reason(
        "RULE_ERROR",
        None,
        "policy",
        "A rule could not be worked out",
        "The expression in the policy failed on this artifact's facts, so it says neither yes nor"
        " no.",
        (
            "it reads a fact that this artifact does not have",
            "it compares two kinds of values",
            "it exceeds the cost allowed for one rule",
        ),
        "Ask whether the fact is there before using it.",
        _PAGES,
    ),
)
