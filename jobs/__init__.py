"""Drivers without a page: pipeline, scheduler, commands."""
