"""Collectors find artifacts and the evidence attached to them.

A collector is one file and one line in `COLLECTORS`; `collectors/file_tree.py` is the template,
`docs/extending.md` the walk-through. Entries are resolved on first use.
"""

COLLECTORS = {
    "apt": "collectors.apt:AptCollector",
    "file_tree": "collectors.file_tree:FileTreeCollector",
    "oci": "collectors.oci:OciCollector",
}
