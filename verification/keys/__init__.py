"""Bare public keys, and signatures under them."""
