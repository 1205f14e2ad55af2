"""The signing tools people use, gpg and openssl, run as they would run them.

Only the example estate signs anything; Countersign itself never does. Secret keys live in one
temporary folder and are thrown away with it.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from core.errors import ConfigurationError
from core.text import one_line

TIMEOUT_SECONDS = 20
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
_PACKAGES = {"gpg": "gnupg", "gpgconf": "gnupg", "openssl": "openssl"}

# A private certificate authority needs a ledger; `openssl ca` is the only way to date one freely.
_LEDGER = """\
[ca]
default_ca = ledger
[ledger]
new_certs_dir = {folder}
database = {folder}/index.txt
rand_serial = yes
default_md = sha256
policy = anything
unique_subject = no
[anything]
organizationName = optional
commonName = supplied
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[code]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = codeSigning
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


def demand_tools() -> None:
    """Raise ConfigurationError with the fix unless every tool is installed."""
    for tool in _PACKAGES:
        _program(tool)


def run(tool: str, *arguments: str | Path, home: Path) -> bytes:
    """Run a tool to its end and return what it wrote; ConfigurationError says what went wrong."""
    program = _program(tool)
    path = f"{Path(program).parent}:{SYSTEM_PATH}"
    try:
        ended = subprocess.run(  # noqa: S603 - a program we looked up, arguments of our own, no shell
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=True,
            env={"PATH": path, "HOME": str(home), "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired:
        raise ConfigurationError(f"{tool} did not end within {TIMEOUT_SECONDS} seconds") from None
    except subprocess.CalledProcessError as error:
        said = one_line(error.stderr.decode("utf-8", "replace"))
        raise ConfigurationError(f"{tool} could not build the example estate: {said}") from None
    return ended.stdout


def _program(tool: str) -> str:
    program = shutil.which(tool)
    if program is None:
        raise ConfigurationError(
            f"the example estate is signed by {tool}, which is not installed;"
            f" fix: apt install {_PACKAGES[tool]}"
        )
    return program


class GnuPg:
    """gpg with a home of its own, at a time of its own. Keys are named by their e-mail address."""

    def __init__(self, home: Path, at: str = "") -> None:
        self.home, self.at = home, at
        home.mkdir(mode=0o700)

    def new_key(self, mail: str, *, made_at: str = "") -> None:
        """Make an Ed25519 key that signs and has no end; `made_at` is like 20240101T000000."""
        user = f"{mail.partition('@')[0].title()} <{mail}>"
        self._run(*_at(made_at), "--quick-gen-key", user, "ed25519", "sign", "never")

    def sign(self, mail: str, file: Path, *, digest: str = "SHA512") -> None:
        """Write `<file>.asc`, an armored detached signature."""
        self._run(
            *("--local-user", f"<{mail}>", "--digest-algo", digest, "--armor"),
            *("--output", f"{file}.asc", "--detach-sign", file),
        )

    def end_key(self, mail: str, until: str, *, decided_at: str) -> None:
        """Let the key end at `until`, as decided at another time."""
        self._run(*_at(decided_at), "--quick-set-expire", self._fingerprint(mail), until)

    def revoke(self, mail: str) -> None:
        """Revoke the key with the certificate that gpg laid aside when it was made."""
        aside = self.home / "openpgp-revocs.d" / f"{self._fingerprint(mail)}.rev"
        # A colon before the armor keeps people from importing it by accident.
        armor = aside.read_text().partition(":-----BEGIN")[2]
        ready = self.home / "revocation.asc"
        ready.write_text(f"-----BEGIN{armor}")
        self._run("--import", ready)

    def public(self, *mails: str) -> bytes:
        """Return the certificates, armored."""
        return self._run("--armor", "--export", *(f"<{mail}>" for mail in mails))

    def close(self) -> None:
        """Stop the agent that gpg started."""
        run("gpgconf", "--homedir", self.home, "--kill", "all", home=self.home)

    def _fingerprint(self, mail: str) -> str:
        for line in self._run("--with-colons", "--list-keys", f"<{mail}>").decode().splitlines():
            if line.startswith("fpr:"):
                return line.split(":")[9]
        raise ConfigurationError(f"gpg made no key for {mail}")

    def _run(self, *arguments: str | Path) -> bytes:
        quiet = ("--batch", "--no-tty", "--quiet", "--pinentry-mode", "loopback", "--passphrase=")
        words = (*quiet, *_at(self.at), *arguments)  # a later time among the arguments wins
        return run("gpg", "--homedir", self.home, *words, home=self.home)


class OpenSsl:
    """openssl with a folder for its secret keys, each `<name>.key`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700)
        (folder / "index.txt").touch()
        (folder / "openssl.cnf").write_text(_LEDGER.format(folder=folder))

    def new_key(self, name: str, algorithm: str, *options: str) -> None:
        """Make a key; options are those of `openssl genpkey -pkeyopt`."""
        given = [word for option in options for word in ("-pkeyopt", option)]
        self._run("genpkey", "-algorithm", algorithm, *given, "-out", self._key(name))

    def public(self, name: str) -> bytes:
        """Return the public key as PEM."""
        return self._run("pkey", "-in", self._key(name), "-pubout")

    def sign(self, name: str, file: Path, *options: str) -> None:
        """Write `<file>.sig` over SHA-256; options are those of `openssl dgst -sigopt`."""
        given = [word for option in options for word in ("-sigopt", option)]
        out = f"{file}.sig"
        self._run("dgst", "-sha256", *given, "-sign", self._key(name), "-out", out, file)

    def sign_whole(self, name: str, file: Path) -> None:
        """Write `<file>.sig` over the content itself, as Ed25519 wants it."""
        self._run(
            *("pkeyutl", "-sign", "-rawin", "-inkey", self._key(name)),
            *("-in", file, "-out", f"{file}.sig"),
        )

    def new_authority(self, name: str, common_name: str, *validity: str) -> None:
        """Make a certificate authority; validity as options of `openssl ca`."""
        self._request(name, common_name)
        self._issue(name, "authority", "-selfsign", "-keyfile", self._key(name), *validity)

    def new_certificate(self, name: str, common_name: str, authority: str, *validity: str) -> None:
        """Make a code signing key and its certificate; validity as options of `openssl ca`."""
        self._request(name, common_name)
        issuer = ("-cert", self._certificate(authority), "-keyfile", self._key(authority))
        self._issue(name, "code", *issuer, *validity)

    def certificate(self, name: str) -> bytes:
        """Return the certificate of that name as PEM."""
        return self._certificate(name).read_bytes()

    def _request(self, name: str, common_name: str) -> None:
        self.new_key(name, "EC", "ec_paramgen_curve:P-256")
        self._run(
            *("req", "-new", "-config", self._settings, "-key", self._key(name)),
            *("-subj", f"/O=Atlas/CN={common_name}", "-out", self.folder / f"{name}.csr"),
        )

    def _issue(self, name: str, extensions: str, *options: str | Path) -> None:
        self._run(
            *("ca", "-batch", "-notext", "-config", self._settings, "-extensions", extensions),
            *options,
            *("-in", self.folder / f"{name}.csr", "-out", self._certificate(name)),
        )

    @property
    def _settings(self) -> Path:
        return self.folder / "openssl.cnf"

    def _key(self, name: str) -> Path:
        return self.folder / f"{name}.key"

    def _certificate(self, name: str) -> Path:
        return self.folder / f"{name}.pem"

    def _run(self, *arguments: str | Path) -> bytes:
        return run("openssl", *arguments, home=self.folder)


def _at(time: str) -> tuple[str, ...]:
    return ("--faked-system-time", f"{time}!") if time else ()
