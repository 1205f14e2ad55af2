"""Guards of the readers of bytes, of the network, of collectors and of what is shown."""

from __future__ import annotations

from tests.guards.guard import guard

READERS = [
    guard(
        "core/wire.py",
        "if len(read) != len(pairs):",
        "core/test_wire.py::test_attack_18_what_readers_disagree_about_is_refused_with_its_place",
        "verification/formats/test_notation.py::test_attack_18_duplicate_keys_are_refused",
        "verification/sigstore/test_sigstore_attacks.py::TestAttack18LenientParsers::"
        "test_duplicate_keys",
    ),
    guard(
        "core/wire.py",
        "if binascii.b2a_base64(decoded, newline=False) != given:",
        "core/test_wire.py::test_attack_18_loose_base64_is_refused_by_name",
    ),
    guard(
        "core/wire.py",
        "if depth > most:",
        "core/test_wire.py::test_attack_18_depth_is_counted_to_the_level",
    ),
    guard(
        "core/wire.py",
        "if not math.isfinite(read):",
        "core/test_wire.py::test_attack_18_what_readers_disagree_about_is_refused_with_its_place",
    ),
    guard(
        "core/wire.py",
        "if len(content) > most:",
        "core/test_wire.py::test_more_bytes_than_the_limit_are_refused_unread",
    ),
    guard(
        "verification/readers/der.py",
        "if length < _LEAST[count]:",
        "verification/readers/test_der.py::test_attack_18_lenient_forms_are_refused",
    ),
    guard(
        "verification/readers/cbor.py",
        "if key in read:",
        "verification/readers/test_cbor.py::test_attack_18_lenient_forms_are_refused",
    ),
    guard(
        "verification/readers/cbor.py",
        "if number < shorter:",
        "verification/readers/test_cbor.py::test_attack_18_lenient_forms_are_refused",
    ),
    guard(
        "verification/readers/cbor.py",
        "if depth > self._limits.json_depth:",
        "verification/readers/test_cbor.py::test_attack_16_depth_is_bounded",
    ),
    guard(
        "verification/verifier.py",
        "if excess:",
        "verification/test_verifier.py::test_size_is_counted_before_anything_is_read",
    ),
    guard(
        "net/address.py",
        "if origin not in allowed:",
        "net/test_address.py::test_attack_14_the_configured_origin_may_be_private_and_only_it",
        "net/test_http.py::test_attack_14_redirect_into_the_private_network_is_refused",
    ),
    guard(
        "net/bearer.py",
        "if self._credentials is not None and not known:",
        "net/test_bearer.py::test_attack_15_realm_on_another_protected_host_gets_no_credentials",
    ),
    guard(
        "net/bearer.py",
        'if realm.origin.scheme != "https" and not known:',
        "net/test_bearer.py::test_attack_15_realm_on_another_host_gets_no_credentials",
    ),
    guard(
        "net/http.py",
        "if there.origin != target.origin:",
        "net/test_http.py::test_attack_15_credentials_stay_with_their_host_over_a_redirect",
    ),
    guard(
        "net/http.py",
        'if target.origin.scheme == "https" and there.origin.scheme == "http":',
        "net/test_tls.py::test_protected_connection_never_becomes_a_plain_one",
    ),
    guard(
        "net/http.py",
        "if size > limit:",
        "net/test_http.py::test_undeclared_huge_body_is_cut_at_the_limit",
    ),
    guard(
        "core/text.py",
        '        return character\n    return f"\\\\u{{{ord(character):x}}}"',
        "core/test_text.py::test_attack_20_the_invisible_becomes_visible",
        "dashboard/test_dashboard_pages.py::test_attack_20_hostile_text_is_shown_and_never_obeyed",
        new="        return character\n    return character",
    ),
    guard(
        "core/text.py",
        "if shown.startswith(_FORMULA_STARTS) or shown.lstrip().startswith(_FORMULA_STARTS):",
        "core/test_text.py::test_attack_20_a_cell_never_starts_a_formula",
    ),
    guard(
        "collectors/oci_registry.py",
        "if expected is not None and digest != expected:",
        "collectors/test_oci_hostile.py::"
        "test_attack_05_child_whose_bytes_are_others_is_a_mismatch_and_its_sibling_is_read",
    ),
    guard(
        "collectors/oci_registry.py",
        'if there.origin.host != self._root.origin.host or not there.path.startswith("/v2/"):',
        "collectors/test_oci_hostile.py::test_attack_14_next_page_elsewhere_is_refused",
    ),
    guard(
        "collectors/oci_registry.py",
        "if size > most:",
        "collectors/test_oci_hostile.py::test_attack_16_pages_of_one_list_are_bounded_together",
    ),
    guard(
        "collectors/oci_look.py",
        "if self._waiting > self._most else",
        "collectors/test_oci_hostile.py::"
        "test_attack_16_evidence_of_platforms_that_waits_is_bounded",
        "collectors/test_oci_hostile.py::test_attack_16_evidence_of_tags_that_waits_is_bounded",
        new="if False else",
    ),
    guard(
        "collectors/apt_index.py",
        "if content.size != listed.size or found != listed.digest:",
        "collectors/test_apt.py::"
        "test_attack_05_a_list_that_is_not_the_one_the_release_names_is_refused_unread",
    ),
    guard(
        "collectors/apt_index.py",
        "if small or len(piece) < _LEAST_PIECE:",
        "collectors/test_apt.py::test_attack_16_very_many_streams_give_few_pieces",
    ),
]
