"""OCI layouts on disk: an image with all that refers to it, as oras copies and cosign saves it."""

from __future__ import annotations

import shutil
from functools import partial

from tests.interop.workshop import CERTIFIED, Workshop, digest, keyed

ORAS = "oras 1.3.6"
PLAIN = "--allow-http-registry"


def copy_to_disk(shop: Workshop) -> None:
    """Sign images, and bring them with all that refers to them into layouts."""
    tools = shop.bench.tools
    cosign = (tools.cosign3, "sign", "--key", "p256.key", "--signing-config", "signing.json")
    notation = (tools.notation, "sign", "--insecure-registry", "--key", "p256")
    for name, way, words, trust in (
        ("cosign", "layout with a cosign bundle", (*cosign, PLAIN), (keyed("p256"),)),
        ("notation", "layout with a Notation signature", notation, CERTIFIED),
    ):
        shop.attempt(ORAS, way, partial(_copy, shop, name, way, words, trust))
    way = "layout that cosign saves"
    for tool, program, short in (
        ("cosign 3.1.3", tools.cosign3, "c3"),
        ("cosign 2.6.5", tools.cosign2, "c2"),
    ):
        shop.attempt(tool, way, partial(_save, shop, tool, program, short, way))


def keep_layout(
    shop: Workshop,
    tool: str,
    way: str,
    layout: str,
    image: str,
    trust: tuple[tuple[str, str], ...],
) -> None:
    """Copy an image with what refers to it into a layout, by oras, and keep that."""
    words = ("copy", "-r", "--from-plain-http", "--to-oci-layout", image, f"{layout}:v1")
    shop.bench.run(shop.bench.tools.oras, *words)
    _keep(shop, tool, way, layout, image, trust)


def _copy(
    shop: Workshop,
    name: str,
    way: str,
    words: tuple[str, ...],
    trust: tuple[tuple[str, str], ...],
) -> None:
    image = shop.bench.push(f"layout/{name}", way)
    shop.bench.run(*words, image)
    keep_layout(shop, ORAS, way, f"layout-{name}", image, trust)


def _save(shop: Workshop, tool: str, program: str, short: str, way: str) -> None:
    image = shop.bench.push(f"layout/saved-{short}", way)
    # The current version saves the older form only.
    words = ("sign", "--key", "p256.key", "--tlog-upload=false", PLAIN, image)
    shop.bench.run(shop.bench.tools.cosign2, *words)
    layout = f"layout-{short}-saved"
    shop.bench.run(program, "save", PLAIN, "--dir", layout, image)
    _keep(shop, tool, way, layout, image, (keyed("p256"),))


def _keep(
    shop: Workshop,
    tool: str,
    way: str,
    layout: str,
    image: str,
    trust: tuple[tuple[str, str], ...],
) -> None:
    made, kept = shop.bench.folder / layout, shop.kept / layout
    shutil.copytree(made, kept, ignore=shutil.ignore_patterns("ingest"))
    shop.add(tool, way, layout, f"oci:{layout}@{digest(image)}", *trust)
