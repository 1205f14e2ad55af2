"""What a page is to the rest: a name, a title, and the addresses it answers."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the dashboard; `entry` is its view in the navigation bar, empty for none."""

    title: str
    blueprint: Blueprint
    entry: str = ""

    @property
    def name(self) -> str:
        """The word for it in addresses of views and in docs/pages.md."""
        return self.blueprint.name

    @property
    def endpoint(self) -> str:
        """What `url_for` takes for the entry in the navigation bar."""
        return f"{self.name}.{self.entry}"
