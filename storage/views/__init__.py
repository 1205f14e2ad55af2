"""What pages and downloads read: frozen answers, no row and no connection inside.

One module for each family of queries. A number that opens a list is a `Count`. Times are aware
UTC. Digests are `core.model.Digest`.
"""
