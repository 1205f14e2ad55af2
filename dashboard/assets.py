"""Style sheets and scripts: ours, and those that installed Python packages bring. No other host.

Every address holds the hash of its content, so a browser asks once and keeps it for good. What a
package brings is found by its folder: importing plotly would cost half a second and 20 MB.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import threading
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from flask import Blueprint, Response, abort, request, url_for

from core.errors import ConfigurationError

STATIC = Path(__file__).parent.parent / "static"
OWN = ("app.css", "app.js", "theme.js", "plotly.css", "mark.svg")
PACKAGED = {
    "bootstrap.css": ("flask_bootstrap", "static/bootstrap5/css/bootstrap.min.css"),
    "plotly.js": ("plotly", "package_data/plotly.min.js"),
}
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
HASH_CHARACTERS = 16
# Plotly's map part adds a style sheet unless an element of this id is there already.
_STYLE_GUARD = re.compile(rb'getElementById\("([0-9a-f]{64})"\)')

blueprint = Blueprint("assets", __name__)


@dataclass(slots=True)
class Asset:
    """One file; compressed once, when it is first asked for."""

    name: str
    path: Path
    version: str
    media_type: str
    _packed: bytes = b""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def packed(self) -> bytes:
        """Return the content, compressed by gzip."""
        with self._lock:
            if not self._packed:
                self._packed = gzip.compress(self.path.read_bytes(), 9, mtime=0)
            return self._packed


@cache
def load(name: str) -> Asset:
    """Return an asset by its name; KeyError if there is none of it."""
    path = STATIC / name if name in OWN else _packaged(*PACKAGED[name])
    version = hashlib.sha256(path.read_bytes()).hexdigest()[:HASH_CHARACTERS]
    return Asset(name, path, version, TYPES[path.suffix])


@cache
def plotly_guards() -> str:
    """Return the ids, apart by blanks, that must exist before Plotly is loaded."""
    content = load("plotly.js").path.read_bytes()
    return " ".join(sorted({found.decode() for found in _STYLE_GUARD.findall(content)}))


def address(name: str) -> str:
    """Return the address of an asset."""
    return url_for("assets.show", version=load(name).version, name=name)


@blueprint.get("/assets/<version>/<name>")
def show(version: str, name: str) -> Response:
    """Serve one asset for good; under another version than today's it is not there."""
    if name not in OWN and name not in PACKAGED:
        abort(404)
    asset = load(name)
    if version != asset.version:
        abort(404)
    packed = request.accept_encodings["gzip"] > 0
    body = asset.packed() if packed else asset.path.read_bytes()
    response = Response(body, mimetype=asset.media_type)
    if packed:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    response.headers["Vary"] = "Accept-Encoding"
    return response


def _packaged(package: str, inside: str) -> Path:
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / inside
        if path.is_file():
            return path
    raise ConfigurationError(f"the package {package} has no {inside}: install the locked versions")
