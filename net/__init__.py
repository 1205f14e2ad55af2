"""Bounded HTTP for collectors and identity sources."""
