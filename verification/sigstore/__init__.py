"""Sigstore's core: what a bundle proves under the trust given.

What other formats build on:

- `bundle.read_bundle(content, limits)`, `bundle.bundle_of(document, limits)`: a `Bundle` from bytes
  or from a document (a mapping as `core.wire.read_json` returns it), also one put together from
  another format's parts; MalformedError names the field.
- `core.prove(bundle, signed, setting, trail, keys=...)`: all cryptography, no identity and no
  subject of a statement; a `Proof`, or the Verification that refuses.
- `core.conclude(proof, trail)`: the good end.
- `core.verify_bundle(bundle, subject, setting, trail)`: both, and the subject between.
"""
