"""OpenSSF model signing: manifests, and the folders they are compared with."""
