"""Certificates (RFC 5280): chains at one time, their purposes, their withdrawal."""
