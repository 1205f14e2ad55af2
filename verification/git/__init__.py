"""Objects of Git as they are stored, and X.509 signatures in them."""
