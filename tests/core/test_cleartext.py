"""A cleartext-signed message is one message and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.cleartext import read_cleartext
from core.errors import MalformedError, TooLargeError

BLOCK = b"-----BEGIN PGP SIGNATURE-----\n\niQ==\n-----END PGP SIGNATURE-----\n"
HEAD = b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n"
MESSAGE = HEAD + b"one\n- -two\n\n- - three\n" + BLOCK
LIMIT = 1 << 20


def test_text_is_what_is_signed_with_unix_line_ends() -> None:
    read = read_cleartext(MESSAGE, limit=LIMIT)
    assert read.text == b"one\n-two\n\n- three\n"
    assert read.canonical == b"one\r\n-two\r\n\r\n- three"
    assert read.signatures == BLOCK


def test_line_end_before_the_signature_is_not_signed() -> None:
    read = read_cleartext(HEAD + b"one\n\n" + BLOCK, limit=LIMIT)
    assert (read.text, read.canonical) == (b"one\n\n", b"one\r\n")


@pytest.mark.parametrize("body", [b"", b"\n", b" \t\n"])
def test_empty_text_stays_empty(body: bytes) -> None:
    read = read_cleartext(HEAD + body + BLOCK, limit=LIMIT)
    assert (read.text, read.canonical) == (b"", b"")


def test_blanks_at_line_ends_are_not_signed_and_not_read() -> None:
    read = read_cleartext(HEAD + b"one \t\ntwo\v\n" + BLOCK, limit=LIMIT)
    assert read.text == b"one\ntwo\v\n"


def test_windows_line_ends_read_as_the_same_text() -> None:
    read = read_cleartext(MESSAGE.replace(b"\n", b"\r\n"), limit=LIMIT)
    assert read == read_cleartext(MESSAGE, limit=LIMIT)


def test_blank_lines_may_stand_around() -> None:
    assert read_cleartext(b"\n \n" + MESSAGE + b"\t\n\n", limit=LIMIT).text.startswith(b"one")


@pytest.mark.parametrize(
    "header",
    [
        b"Hash: SHA256,SHA512",
        b"Hash: SHA256, SHA1",
        b"Hash: SHA1\nHash: MD5",
        b"Hash:\t  SHA256 ,SHA512 \t",
    ],
)
def test_known_hash_headers_are_read_over(header: bytes) -> None:
    read = read_cleartext(MESSAGE.replace(b"Hash: SHA512", header), limit=LIMIT)
    assert read.text == read_cleartext(MESSAGE, limit=LIMIT).text


def test_blanks_at_the_ends_of_the_frameworks_lines_count_for_nothing() -> None:
    padded = MESSAGE.replace(b"-----\n", b"----- \t\n").replace(b"SHA512\n\n", b"SHA512\n \t\n")
    assert padded.count(b" \t\n") == 4
    read, plain = (read_cleartext(each, limit=LIMIT) for each in (padded, MESSAGE))
    assert (read.text, read.canonical) == (plain.text, plain.canonical)


def test_header_after_the_blank_line_is_text_that_is_signed() -> None:
    read = read_cleartext(HEAD[:-1] + b" \nHash: SHA1\n\none\n" + BLOCK, limit=LIMIT)
    assert read.text == b"Hash: SHA1\n\none\n"


@pytest.mark.parametrize("between", [b"", b"\n \t\n"])
def test_several_may_have_signed_in_a_block_each(between: bytes) -> None:
    read = read_cleartext(MESSAGE + between + BLOCK, limit=LIMIT)
    assert read.text == read_cleartext(MESSAGE, limit=LIMIT).text
    assert read.signatures == BLOCK + between + BLOCK


REFUSED = {
    "text-before": b"Package: evil\n" + MESSAGE,
    "text-after": MESSAGE + b"Package: evil\n",
    "two-messages": MESSAGE + MESSAGE,
    "message-inside": HEAD + MESSAGE,
    "text-between-blocks": MESSAGE + b"Package: evil\n" + BLOCK,
    "text-after-blocks": MESSAGE + BLOCK + b"Package: evil\n",
    "second-block-without-end": MESSAGE + BLOCK[:40],
    "block-inside-block": HEAD + b"one\n" + BLOCK.replace(b"iQ==", BLOCK.strip()),
    "other-header": MESSAGE.replace(b"Hash: SHA512", b"Comment: Package: evil"),
    "unknown-hash": MESSAGE.replace(b"SHA512", b"SHA511"),
    "text-for-header": MESSAGE.replace(b"Hash: SHA512", b"Package: evil"),
    "no-empty-line": HEAD.rstrip() + b"\none\n" + BLOCK,
    "dash-not-escaped": MESSAGE.replace(b"- -two", b"-two"),
    "lone-dash": MESSAGE.replace(b"- -two", b"-"),
    "no-signature": HEAD + b"one\n",
    "no-end": MESSAGE.replace(b"-----END PGP SIGNATURE-----\n", b""),
    "headers-only": HEAD,
    "header-line-only": b"-----BEGIN PGP SIGNED MESSAGE-----",
    "nul": MESSAGE.replace(b"one", b"o\0e"),
    "carriage-return-in-line": MESSAGE.replace(b"one", b"o\re"),
    "two-carriage-returns": MESSAGE.replace(b"one", b"one\r\r"),
    "carriage-return-at-end": MESSAGE[:-1] + b"\r",
    "begin-line-with-text": MESSAGE.replace(b"MESSAGE-----", b"MESSAGE----- x"),
    "begin-line-with-form-feed": MESSAGE.replace(b"MESSAGE-----", b"MESSAGE-----\f"),
    "byte-order-mark": b"\xef\xbb\xbf" + MESSAGE,
    "empty": b"",
}


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED)
def test_attack_11_anything_but_one_message_is_refused(content: bytes) -> None:
    with pytest.raises(MalformedError):
        read_cleartext(content, limit=LIMIT)


def test_error_names_the_line() -> None:
    with pytest.raises(MalformedError, match=r"line 5 of the cleartext message: .*'-two'"):
        read_cleartext(REFUSED["dash-not-escaped"], limit=LIMIT)


def test_too_large_is_refused_before_it_is_read() -> None:
    with pytest.raises(TooLargeError, match=f"{len(MESSAGE)} bytes, limit {len(MESSAGE) - 1}"):
        read_cleartext(MESSAGE, limit=len(MESSAGE) - 1)


@given(st.lists(st.text("ab -\t", max_size=6), max_size=6))
def test_any_text_written_by_the_rules_reads_back(lines: list[str]) -> None:
    kept = [line.rstrip(" \t").encode() for line in lines]
    escaped = [b"- " + line if line.startswith(b"-") else line for line in kept]
    message = HEAD + b"".join(line + b"\n" for line in escaped) + BLOCK
    read = read_cleartext(message, limit=LIMIT)
    assert read.canonical == b"\r\n".join(kept)
    assert read.text == (read.canonical.replace(b"\r\n", b"\n") + b"\n" if read.canonical else b"")


_PIECES = [HEAD, BLOCK, b"-----", b"- ", b"\n", b"\r\n", b"Hash: SHA256\n", b"x", b"\0", b"\r"]


@given(st.lists(st.one_of(st.sampled_from(_PIECES), st.binary(max_size=4)), max_size=12))
@example([HEAD, b"x\n", BLOCK])
def test_bytes_read_or_are_malformed_and_nothing_else(pieces: list[bytes]) -> None:
    content = b"".join(pieces)
    try:
        read = read_cleartext(content, limit=LIMIT)
    except MalformedError:
        return
    # Whatever a reader of the text sees is signed, and nothing that is signed is hidden.
    assert read.text.replace(b"\n", b"\r\n").removesuffix(b"\r\n") == read.canonical
    assert b"\r" not in read.text
    assert read.signatures.startswith(b"-----BEGIN PGP SIGNATURE-----")
