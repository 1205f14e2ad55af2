"""Vocabulary, errors, settings and readers of untrusted bytes: pure, imported by everyone."""
