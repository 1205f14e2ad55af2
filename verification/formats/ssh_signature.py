"""A signature by `ssh-keygen -Y sign` beside a file (OpenSSH, PROTOCOL.sshsig).

The steps are those of verification/ssh/judgement.py; then the bytes signed must be this subject's.
It signs a SHA-256 or SHA-512 digest, so a subject known by that digest alone can be judged.
"""

from __future__ import annotations

from dataclasses import replace

from core.model import Check, CheckOutcome, Evidence, Outcome, Role, Verification
from verification.format import Setting
from verification.inside import SUBJECT, refuse_other_digest
from verification.ssh.acceptance import Purpose
from verification.ssh.envelope import BEGIN
from verification.ssh.judgement import judge_ssh
from verification.trail import Trail

_SNIFFED_BYTES = 4096


class SshSignatureBeside:
    """An armored SSH signature over a file."""

    name = "ssh-signature"
    role = Role.SIGNATURE
    inside = False

    def recognises(self, evidence: Evidence) -> bool:
        """Say whether it begins as one does."""
        return evidence.content[:_SNIFFED_BYTES].lstrip().startswith(BEGIN)

    def verify(self, evidence: Evidence, setting: Setting) -> Verification:
        """Check the signature over the subject, made for the namespace that was asked for."""
        trail = Trail(self.name, self.role)
        subject = evidence.subject

        def digester(algorithm: str) -> bytes | None:
            digest = subject.digest(algorithm)
            return digest.raw if digest is not None else None

        verification = judge_ssh(
            trail, evidence.content, digester, Purpose(setting.namespace), setting
        )
        if verification.outcome is not Outcome.VERIFIED:
            return verification
        other = refuse_other_digest(trail, subject)
        if other is not None:
            return other
        passed = Check(SUBJECT, CheckOutcome.PASSED)
        return replace(verification, checks=(*verification.checks, passed))
