"""Signatures of the Notary Project: both envelopes, and what they state."""
