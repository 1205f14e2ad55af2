"""Identities written as parts of a certificate's subject."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from verification.x509.subject_names import is_subject_identity, subject_matches

KINDS = {"C": NameOID.COUNTRY_NAME, "ST": NameOID.STATE_OR_PROVINCE_NAME,
         "O": NameOID.ORGANIZATION_NAME, "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
         "CN": NameOID.COMMON_NAME, "SERIALNUMBER": NameOID.SERIAL_NUMBER,
         "POSTALCODE": NameOID.POSTAL_CODE}  # fmt: skip


def subject(*parts: tuple[str, str]) -> str:
    name = x509.Name([x509.NameAttribute(KINDS[kind], value) for kind, value in parts])
    return name.rfc4514_string()


ACME = subject(("C", "US"), ("ST", "WA"), ("O", "acme"), ("OU", "Finance"), ("CN", "Builder"))


@pytest.mark.parametrize(
    ("identity", "matches"),
    [
        ("x509.subject: C=US, ST=WA, O=acme", True),
        ("x509.subject:O=acme,ST=WA,C=US", True),
        ("x509.subject: C=US, ST=WA, O=acme, OU=Finance, CN=Builder", True),
        ("x509.subject: c=US, S=WA, o=acme", True),
        ("x509.subject: C=US, ST=WA, O=acme, OU=Sales", False),
        ("x509.subject: C=US, ST=WA, O=acm", False),
        ("x509.subject: C=US, ST=WA, O=Acme", False),
        ("x509.subject: C=US, ST=WA, O=acme, L=Seattle", False),
        ("x509.subject: C=US, O=acme", False),
        ("x509.subject: CN=Builder", False),
        ("x509.subject: *", False),
        ("x509.subject:", False),
        ("x509.subject: C=US, C=US, ST=WA, O=acme", False),
        ("x509.subject: C=US, ST=WA, O=acme, OU=", False),
        ("x509.subject: C=US, ST=WA, O=acme, OU", False),
        ("x509.subject: C=US, ST=WA, O=acme\\", False),
        ("x509.subject: C=US, ST=WA, O=\\acme", False),
    ],
)
def test_every_named_part_is_in_the_subject(identity: str, matches: bool) -> None:  # noqa: FBT001
    assert is_subject_identity(identity)
    assert subject_matches(identity, ACME) == matches


def test_attack_06_names_that_hold_separators_stay_one_name() -> None:
    tricky = subject(("C", "US"), ("ST", "WA"), ("O", "evil, O=acme"))
    assert not subject_matches("x509.subject: C=US, ST=WA, O=acme", tricky)
    assert subject_matches("x509.subject: C=US, ST=WA, O=evil\\, O\\=acme", tricky)
    assert not subject_matches("x509.subject: C=US, ST=WA, O=evil, O=acme", tricky)


def test_bytes_may_be_escaped_as_hex() -> None:
    """RFC 4514 section 2.4; openssl writes names so."""
    foreign = subject(("C", "US"), ("ST", "WA"), ("O", "Café, \u20ac "))
    base = "x509.subject: C=US, ST=WA, O="
    for written in ("Caf\\C3\\A9\\2C \\e2\\82\\ac\\20", "Café\\, €\\ "):
        assert subject_matches(base + written, foreign)
    for written in ("Caf\\C3\\A9\\2C \\e2\\82\\20", "Caf\\C3\\A9\\2C \\e2\\82\\ac ", "Caf\\C"):
        assert not subject_matches(base + written, foreign)
    hidden = subject(("C", "US"), ("ST", "WA"), ("O", "evil,O=acme"))
    assert not subject_matches("x509.subject: C=US, ST=WA, O=acme", hidden)
    assert subject_matches("x509.subject: C=US, ST=WA, O=evil\\2cO=acme", hidden)


def test_subject_with_two_parts_of_a_kind_matches_nothing() -> None:
    double = subject(("C", "US"), ("ST", "WA"), ("O", "acme"), ("O", "other"))
    assert not subject_matches("x509.subject: C=US, ST=WA, O=acme", double)


def test_names_that_notation_shows_and_rfc_4514_does_not_know_are_read() -> None:
    numbered = subject(
        ("C", "US"), ("ST", "WA"), ("O", "acme"), ("SERIALNUMBER", "7"), ("POSTALCODE", "98101")
    )
    base = "x509.subject: C=US, ST=WA, O=acme"
    assert subject_matches(f"{base}, SERIALNUMBER=7, POSTALCODE=98101", numbered)
    assert subject_matches(f"{base}, 2.5.4.5=7", numbered)
    assert not subject_matches(f"{base}, SERIALNUMBER=98101", numbered)
    assert not subject_matches(f"{base}, SERIALNUMBER=7, 2.5.4.5=7", numbered)


def test_blanks_around_a_value_do_not_count_unless_escaped() -> None:
    spaced = subject(("C", "US"), ("ST", "WA"), ("O", " acme "))
    assert not subject_matches("x509.subject: C=US, ST=WA, O= acme ", spaced)
    assert subject_matches("x509.subject: C=US, ST=WA, O=\\ acme\\ ", spaced)
    assert subject_matches("x509.subject: C=US, ST=WA, O=  acme  ", ACME)


TEXT = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0x17F, exclude_characters="\x7f"),
    min_size=1, max_size=12,
)  # fmt: skip


@settings(max_examples=200, deadline=None, database=None)
@given(name=TEXT, other=TEXT)
def test_any_name_matches_itself_alone(name: str, other: str) -> None:
    escaped = "".join(f"\\{each}" if each in ',;\\ +="<>#' else each for each in name)
    identity = f"x509.subject: C=US, ST=WA, O={escaped}"
    assert subject_matches(identity, subject(("C", "US"), ("ST", "WA"), ("O", name)))
    stranger = subject(("C", "US"), ("ST", "WA"), ("O", other))
    assert subject_matches(identity, stranger) == (name == other)


@settings(max_examples=200, deadline=None, database=None)
@given(identity=st.text(max_size=60), stated=st.text(max_size=60))
def test_no_text_raises(identity: str, stated: str) -> None:
    assert subject_matches(f"x509.subject:{identity}", stated) in (True, False)
    assert not subject_matches(f"x509.subject:{identity}", "")
