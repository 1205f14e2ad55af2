"""Signatures of OpenSSH (PROTOCOL.sshsig): envelopes, keys, allowed signers, revocation lists."""
