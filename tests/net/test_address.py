"""Which URLs are read and which addresses are refused."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import CountersignError, MalformedError, RefusedError, UnreachableError
from net.address import Origin, addresses, follow, is_public, read_url, shown

EXAMPLE = Origin("https", "registry.example", 443)


@pytest.mark.parametrize(
    ("url", "origin", "path"),
    [
        ("https://Registry.Example", EXAMPLE, "/"),
        ("https://registry.example:443/v2/?n=1#top", EXAMPLE, "/v2/?n=1"),
        ("http://127.0.0.1:5000/a", Origin("http", "127.0.0.1", 5000), "/a"),
        ("http://[::1]:5000/a", Origin("http", "::1", 5000), "/a"),
    ],
)
def test_url_is_read_into_origin_and_path(url: str, origin: Origin, path: str) -> None:
    target = read_url(url)
    assert (target.origin, target.path) == (origin, path)
    assert read_url(target.url) == target


@pytest.mark.parametrize(
    "url",
    [
        "ftp://registry.example/",
        "registry.example/v2/",
        "https://",
        "https:///v2/",
        "https://a b/",
        "https://a/\r\nHost: b",
        "https://a/\nx",
        "https://a/\x00",
        "https://a/ü",
        "https://a\\@b/",
        "https://a:99999/",
        "https://a:x/",
        "https://[::1%25eth0]/",
        "https://[fe80::1%eth0]/",
        "https://-a/",
        "https://a/" + "x" * 9000,
    ],
)
def test_what_is_no_url_is_malformed(url: str) -> None:
    with pytest.raises(MalformedError):
        read_url(url)


def test_credentials_in_a_url_are_refused_and_never_shown() -> None:
    with pytest.raises(RefusedError) as caught:
        read_url("https://user:hunter2@registry.example/v2/?token=hunter2")
    assert "hunter2" not in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_a_target_or_one_of_our_errors(text: str) -> None:
    for url in (text, f"https://{text}", f"https://a/{text}"):
        try:
            target = read_url(url)
        except CountersignError:
            continue
        assert not set(target.url) & set("\r\n\x00 ")
        assert read_url(target.url) == target


@pytest.mark.parametrize(
    ("reference", "url"),
    [
        ("/b", "https://registry.example/b"),
        ("c?x=1", "https://registry.example/a/c?x=1"),
        ("//other.example/b", "https://other.example/b"),
        ("http://[::1]/b", "http://[::1]/b"),
    ],
)
def test_a_redirect_may_be_relative(reference: str, url: str) -> None:
    assert follow(read_url("https://registry.example/a/b"), reference).url == url


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "192.0.0.8", "198.18.0.1", "224.0.0.1", "239.1.1.1",
        "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fec0::1", "fc00::1", "fd12::1",
        "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808", "2002:7f00:1::",
        "2002:a00:1::1", "2001:db8::1", "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)  # fmt: skip
def test_attack_14_address_inside_is_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    with pytest.raises(RefusedError, match=r"registry\.example"):
        addresses(EXAMPLE, frozenset(), lambda _host, _port: ["93.184.216.34", address])


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "2002:808:808::"]
)
def test_address_outside_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))
    assert addresses(EXAMPLE, frozenset(), lambda _host, _port: [address]) == [address]


def test_attack_14_the_configured_origin_may_be_private_and_only_it() -> None:
    def resolve(_host: str, _port: int) -> list[str]:
        return ["10.0.0.1"]

    assert addresses(EXAMPLE, {EXAMPLE}, resolve) == ["10.0.0.1"]
    for other in (
        Origin("https", "registry.example", 8443),
        Origin("http", "registry.example", 443),
        Origin("https", "other.example", 443),
    ):
        with pytest.raises(RefusedError):
            addresses(other, {EXAMPLE}, resolve)


@pytest.mark.parametrize("found", [["127.0.0.1%lo"], ["fe80::1%eth0"], ["nonsense"]])
def test_an_answer_of_the_resolver_that_is_no_plain_address_is_refused(found: list[str]) -> None:
    with pytest.raises(RefusedError):
        addresses(EXAMPLE, frozenset(), lambda _host, _port: found)


def test_a_name_without_address_is_unreachable() -> None:
    def resolve(_host: str, _port: int) -> list[str]:
        raise OSError(-2, "Name or service not known")

    with pytest.raises(UnreachableError, match="name server"):
        addresses(EXAMPLE, frozenset(), resolve)


def test_shown_leaves_out_query_fragment_and_steering_characters() -> None:
    assert shown("https://u:p@a/x?sig=s#f") == "https://a/x?…"
    assert "\u202e" not in shown("https://a/\u202e")
    assert "hunter2" not in shown("https://user:hunter2@a")
