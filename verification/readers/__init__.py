"""Strict, bounded readers of encodings: DER, BER, CBOR, protocol buffers, Base64, JSON."""
