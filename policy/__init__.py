"""Policies: YAML documents in, verdicts out. Pure: no I/O and no clock."""
