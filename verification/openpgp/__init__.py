"""OpenPGP (RFC 9580): packets, certificates, and the judgement of signatures under them."""
