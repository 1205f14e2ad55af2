"""`countersign verify`: one artifact, offline, without settings or a database."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jobs.commands.context import DONE, REFUSED, UNDECIDED

if TYPE_CHECKING:
    from datetime import datetime

    from core.model import Outcome, TrustKind
    from verification.verifier import IdentityDemand

Decorator = Callable[[Callable[..., None]], Callable[..., None]]


class _Filled(click.ParamType[Any]):
    """Refuses an empty text: a variable that a script did not set must not undo a demand."""

    name = "text"

    def __init__(self, kind: Callable[[str], Any]) -> None:
        self._kind = kind

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return what the text stands for."""
        if not value:
            self.fail("it is empty; leave it out where nothing is meant", param, ctx)
        return self._kind(value)


FILE, TEXT = _Filled(Path), _Filled(str)


def _files(name: str, words: str) -> Decorator:
    return click.option(name, type=FILE, multiple=True, metavar="FILE", help=words)


def _file(name: str, words: str) -> Decorator:
    return _once(name, FILE, "FILE", words)


def _text(name: str, metavar: str, words: str) -> Decorator:
    return _once(name, TEXT, metavar, words)


def _once(name: str, kind: _Filled, metavar: str, words: str) -> Decorator:
    """Take an option that may stand once: of two, click would forget the first without a word."""

    def only(_ctx: click.Context, _param: click.Parameter, given: tuple[Any, ...]) -> Any:
        if len(given) > 1:
            raise click.BadParameter("it was given more than once")
        return given[0] if given else None

    return click.option(name, type=kind, multiple=True, callback=only, metavar=metavar, help=words)


@click.command("verify")
@click.argument("artifact", required=False, type=TEXT, metavar="[ARTIFACT]")
@_file("--bundle", "Evidence that brings its own proof: bundles, attestations, DSSE.")
@_file("--signature", "A detached signature.")
@_file("--certificate", "What lies beside the signature: a claim of who signed, never trust.")
@_files("--key", "Trust this public key: PEM, DER, minisign, allowed signers, npm's keys.")
@_files("--keyring", "Trust these OpenPGP certificates.")
@_files("--ca", "Trust these X.509 authorities (PEM or DER).")
@_files("--trusted-root", "The same as --ca; also a Sigstore trusted root (JSON).")
@_files("--crl", "What the authorities withdrew: a certificate revocation list (PEM or DER).")
@_files("--ocsp", "The same as an OCSP response (DER).")
@_text("--namespace", "TEXT", "What an SSH signature was made for (default: file).")
@_text("--certificate-identity", "ID", "Who must have signed.")
@_text("--certificate-oidc-issuer", "URL", "Who must vouch.")
@click.option("--any-identity", is_flag=True, help="Accept whomever the trust vouches for.")
@_files("--through", "A list between the signature and the artifact; the signed one first.")
@_text("--name", "NAME", "What the artifact is called in a list.")
@_text("--at", "TIME", "Judge as of this time: 2026-01-31T12:00:00Z, or a day.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def verify_command(artifact: str | None, *, as_json: bool, **given: Any) -> None:
    """Verify one artifact offline: a file, sha256:HEX, a folder, or oci:DIR[@DIGEST].

    A folder is an OCI layout, an image as `dir:` keeps it, or else a model.
    ARTIFACT may be left out where the evidence holds what it signs. The format is recognised.
    Exits 0 verified, 1 invalid or untrusted, 3 unverifiable, 2 when called wrongly.
    """
    from core.limits import Limits
    from core.text import display
    from jobs.verify_case import Question
    from jobs.verify_document import document, page
    from jobs.verify_inputs import read_trust
    from jobs.verifying import answer

    now, demand, limits = _instant(given["at"]), _demand(given), Limits()
    trusted = read_trust(_trust_files(given), limits)
    for warning in trusted.warnings:
        click.echo(f"countersign: warning: {display(warning, 1000)}", err=True)
    with tempfile.TemporaryDirectory(prefix="countersign-") as spool:
        question = Question(
            artifact=artifact or "",
            bundle=given["bundle"],
            signature=given["signature"],
            certificate=given["certificate"],
            through=given["through"],
            name=given["name"] or "",
            trust=trusted.trust,
            demand=demand,
            limits=limits,
            spool=Path(spool),
            namespace=given["namespace"] or "file",
        )
        found = answer(question, now)
    _print(json.dumps(document(found)) if as_json else page(found))
    sys.exit(_exit_code(found.verification.outcome))


def _trust_files(given: dict[str, Any]) -> Iterator[tuple[TrustKind, Path]]:
    from core.model import TrustKind

    for option, kind in (
        ("key", TrustKind.KEY),
        ("keyring", TrustKind.KEYRING),
        ("ca", TrustKind.AUTHORITY),
        ("trusted_root", TrustKind.AUTHORITY),
        ("crl", TrustKind.REVOCATION),
        ("ocsp", TrustKind.REVOCATION),
    ):
        for path in given[option]:
            yield kind, path


def _demand(given: dict[str, Any]) -> IdentityDemand:
    from core.errors import UsageError
    from verification.verifier import IdentityDemand, IdentityScope

    identity = given["certificate_identity"] or ""
    issuer = given["certificate_oidc_issuer"] or ""
    if identity and given["any_identity"]:
        raise UsageError("--certificate-identity and --any-identity contradict each other")
    scope = IdentityScope.ANY if given["any_identity"] else IdentityScope.NAMED
    return IdentityDemand(identity, issuer, scope)


def _instant(text: str | None) -> datetime:
    from jobs.clock import utc_now

    if text is None:
        return utc_now()
    from core.errors import UsageError
    from core.settings import parse_from

    try:
        return parse_from(text)
    except ValueError as error:
        raise UsageError(f"--at: {error}") from None


def _exit_code(outcome: Outcome) -> int:
    from core.model import Outcome

    codes = {Outcome.VERIFIED: DONE, Outcome.UNVERIFIABLE: UNDECIDED}
    return codes.get(outcome, REFUSED)


def _print(text: str) -> None:
    if sys.stdout is None:  # closed before we began: 0 would say that somebody was told
        from core.errors import UsageError

        raise UsageError("there is no output to print the outcome to")
    # A terminal that cannot show a character gets its escape: printing never fails.
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    click.echo(text.encode(encoding, "backslashreplace").decode(encoding))
