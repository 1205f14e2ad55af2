"""Guards of OpenPGP, SSH, Git, minisign, RPM, Helm and lists of packages."""

from __future__ import annotations

from tests.guards.guard import guard

KEYS = [
    guard(
        "verification/openpgp/diagnosis.py",
        "begins = max(case.key.created_at, case.certificate.created_at)",
        "verification/openpgp/test_openpgp_own_judgement.py::"
        "test_attack_10_subkey_vouches_for_nothing_from_before_its_certificate",
        new="begins = case.key.created_at",
    ),
    guard(
        "verification/openpgp/own_judgement.py",
        "if cause is None and (moment > now or not is_vouched_for(certificate, key, moment)):",
        "verification/openpgp/test_openpgp_own_judgement.py::"
        "test_attack_10_word_of_the_future_does_not_count_yet",
        new="if cause is None and not is_vouched_for(certificate, key, moment):",
    ),
    guard(
        "verification/openpgp/judgement.py",
        "eligible = [one for one, said in withdrawn if not _void(said, one, signature)]",
        "verification/openpgp/test_openpgp_revoker.py::"
        "test_attack_10_key_revoked_by_the_key_named_for_it_is_refused",
        new="eligible = [one for one, said in withdrawn]",
    ),
    guard(
        "verification/openpgp/own_judgement.py",
        "cause = cause_of(signature, certificate, key)",
        "verification/openpgp/test_openpgp_own_judgement.py::"
        "test_attack_10_subkey_that_did_not_count_verifies_nothing",
        new="cause = None",
    ),
    guard(
        "verification/openpgp/self_signatures.py",
        "return [*islice((at for at in likely if _is_over(components, at, signature)), 1)]",
        "verification/openpgp/test_openpgp_reach.py::"
        "test_attack_10_subkey_revoked_in_a_hash_that_the_engine_lacks_is_revoked",
        new="return []",
    ),
    guard(
        "verification/openpgp/tidying.py",
        "elsewhere = () if kind in OVER_PRIMARY else components",
        "verification/openpgp/test_openpgp_reach.py::"
        "test_attack_10_subkey_revoked_at_the_end_of_its_certificate_is_revoked",
        new="elsewhere: Sequence[Packet] = ()",
    ),
    guard(
        "verification/openpgp/judgement.py",
        "return any(voids(one, _moment(candidate, signature)) for one in revocations)",
        "verification/openpgp/test_openpgp_own_judgement.py::"
        "test_attack_10_key_retired_by_another_before_its_copy_begins_vouches_for_nothing",
        new="return any(voids(one, signature.created_at) for one in revocations)",
    ),
    guard(
        "verification/openpgp/key.py",
        "        bits = _bits(material)\n",
        "verification/openpgp/test_openpgp_reach.py::"
        "test_rsa_key_is_as_long_as_its_modulus_and_not_as_it_says",
        new='        bits = int.from_bytes(material[:2], "big")\n',
    ),
    guard(
        "verification/openpgp/revoker.py",
        "if not is_seen(one) or not certificate.primary.is_in_engine",
        "verification/openpgp/test_openpgp_reach.py::"
        "test_attack_10_long_rsa_key_that_did_not_count_verifies_nothing",
        new="if not is_seen(one)",
    ),
    guard(
        "verification/openpgp/validity.py",
        "if any(voids(revocation, moment) for revocation in own.revocations):",
        "verification/openpgp/test_openpgp_own_judgement.py::"
        "test_attack_10_key_that_did_not_count_verifies_nothing",
    ),
    guard(
        "verification/openpgp/validity.py",
        "is_heard = own.tag != TAG_USER_ATTRIBUTE",
        "verification/openpgp/test_openpgp_reach.py::"
        "test_attack_10_word_over_a_picture_alone_vouches_for_no_key",
        new="is_heard = True",
    ),
    guard(
        "verification/openpgp/validity.py",
        "if has_unclear(certificate):",
        "verification/openpgp/test_openpgp_own_judgement.py::"
        "test_attack_10_subkey_that_did_not_count_verifies_nothing",
    ),
    guard(
        "verification/openpgp/revoker.py",
        "return _by_owner(candidate) + tuple(",
        "verification/openpgp/test_openpgp_own_judgement.py::"
        "test_attack_10_key_that_did_not_count_verifies_nothing",
        new="return tuple(",
    ),
    guard(
        "verification/openpgp/diagnosis.py",
        "if not case.is_subkey or binding is None or binding.version != VERSION:",
        "verification/openpgp/test_openpgp_version_3.py::test_subkey_signs_only_where_both_keys_say_so",
        new="if binding is None or binding.created_at:",
    ),
    guard(
        "verification/openpgp/judgement.py",
        "if signature.type not in _TYPES:",
        "verification/openpgp/test_openpgp.py::test_attack_04_signature_over_a_key_is_not_over_a_document",
    ),
    guard(
        "verification/openpgp/judgement.py",
        "if not strong or signature.hash_algorithm in WEAK_HASHES:",
        "verification/openpgp/test_openpgp.py::test_attack_10_matrix",
    ),
    guard(
        "verification/openpgp/judgement.py",
        "if not candidate.weakness and is_too_short(signature.hash_algorithm, key.digest_bits):",
        "verification/openpgp/test_openpgp_kinds.py::"
        "test_attack_10_digest_shorter_than_the_key_demands_is_weak",
    ),
    guard(
        "verification/openpgp/key.py",
        "if _VERSIONS.get(number, version) != version:",
        "verification/openpgp/test_openpgp_kinds.py::"
        "test_attack_10_kind_of_key_that_its_version_may_not_have_is_not_read",
    ),
    guard(
        "verification/openpgp/vouchers.py",
        "if algorithm == primary.number and _is_too_short(number, primary):",
        "verification/openpgp/test_openpgp_kinds.py::"
        "test_attack_10_digest_too_short_for_its_key_vouches_for_none",
    ),
    guard(
        "verification/openpgp/vouchers.py",
        "one.type == _PRIMARY_BINDING and _is_too_short(one.hash_algorithm, subkey)",
        "verification/openpgp/test_openpgp_kinds.py::"
        "test_attack_10_subkey_that_agrees_by_too_short_a_digest_is_of_no_certificate",
        new="one.type == _PRIMARY_BINDING and False",
    ),
    guard(
        "verification/openpgp/diagnosis.py",
        "and not is_too_short(inner.hash_algorithm, case.key.digest_bits)",
        "verification/openpgp/test_openpgp_kinds.py::"
        "test_attack_10_subkey_that_agrees_by_too_short_a_digest_is_of_no_certificate",
        new="and True",
    ),
    guard(
        "verification/openpgp/maker.py",
        "found = _found(signature, content, eligible, now)",
        "verification/openpgp/test_openpgp_kinds.py::"
        "test_attack_10_what_too_short_a_digest_takes_back_stays_taken_back",
        new="found = _found(signature, content, [*map(_well_vouched, eligible)], now)",
    ),
    guard(
        "verification/openpgp/maker.py",
        "if good and signature.version == CHECKED and not _begins_as_stated(signature, content):",
        "verification/openpgp/test_openpgp_kinds.py::"
        "test_version_6_is_refused_where_the_hash_begins_otherwise_than_it_says",
    ),
    guard(
        "verification/archives/rpm_package.py",
        "stated = signatures.hexadecimal(tag, (STRING,))",
        "verification/formats/test_rpm.py::"
        "test_attack_18_header_digest_of_another_type_is_malformed",
        new="stated = signatures.hexadecimal(tag)",
    ),
    guard(
        "verification/archives/rpm_header.py",
        "if max(at, stop) != len(store):",
        "verification/formats/test_rpm.py::test_region_of_the_signature_header_binds_nothing",
    ),
    guard(
        "verification/openpgp/judgement.py",
        "if made > now:",
        "verification/openpgp/test_openpgp.py::test_attack_10_matrix",
    ),
    guard(
        "verification/openpgp/judgement.py",
        "if signature.type == TEXT and signed.has_loose_ends:",
        "verification/openpgp/test_openpgp.py::"
        "test_carriage_return_that_ends_no_line_is_refused_under_a_text_signature",
    ),
    guard(
        "verification/formats/minisign.py",
        "    if message is None:\n        return refuse_other_digest(trail, subject)\n",
        "verification/formats/test_minisign.py::"
        "test_message_inside_proves_nothing_of_another_artifact",
        new="    if True:\n        return refuse_other_digest(trail, subject)\n",
    ),
    guard(
        "verification/openpgp/armor.py",
        "if not is_whole or text[at:first].rstrip(_BLANKS) != begin:",
        "verification/openpgp/test_openpgp_packets.py::test_armor_with_anything_strange_is_malformed",
    ),
    guard(
        "verification/ssh/revocation.py",
        "and not _is_of_certificates(entry.content)",
        "verification/formats/test_ssh_signature.py::"
        "test_list_that_nothing_reads_is_never_passed_over",
        new="and is_revocation_list(entry.content)",
    ),
    guard(
        "verification/models/manifest.py",
        "return frozenset() if signed & GIT_PATHS else GIT_PATHS",
        "verification/formats/test_model_signing.py::"
        "test_older_signer_that_signed_what_belongs_to_git_left_none_of_it_out",
        new="return GIT_PATHS",
    ),
    guard(
        "verification/openpgp/subpackets.py",
        "if found.get(kind, body) != body:",
        "verification/openpgp/test_openpgp_packets.py::"
        "test_signed_area_that_is_ambiguous_or_cut_is_malformed",
    ),
    guard(
        "verification/ssh/signers.py",
        'if "\\r" in line:',
        "verification/ssh/test_ssh_signers.py::test_line_that_cannot_be_read_is_left_out_and_noted",
    ),
    guard(
        "verification/ssh/judgement.py",
        "if envelope.namespace != purpose.namespace:",
        "verification/formats/test_ssh_signature.py::"
        "test_attack_04_signature_for_another_use_is_refused",
        "verification/formats/test_git_object.py::"
        "test_attack_04_signature_of_a_file_is_none_of_a_commit",
    ),
    guard(
        "verification/ssh/judgement.py",
        "if algorithm in WEAK_SIGNATURES:",
        "verification/formats/test_ssh_signature.py::test_attack_10_rsa_with_sha1_is_refused",
    ),
    guard(
        "verification/ssh/judgement.py",
        "if not fits(key, envelope.signature):",
        "verification/formats/test_ssh_signature.py::"
        "test_attack_08_algorithm_of_another_kind_of_key_is_refused",
    ),
    guard(
        "verification/ssh/judgement.py",
        "if key.weakness:",
        "verification/formats/test_ssh_signature.py::test_attack_10_short_rsa_keys_prove_nothing",
    ),
    guard(
        "verification/ssh/judgement.py",
        "if envelope.hash_algorithm not in HASHES:",
        "verification/formats/test_ssh_signature.py::test_hash_that_is_not_allowed_is_refused",
    ),
    guard(
        "verification/ssh/judgement.py",
        "if not holds(key, envelope.signature, envelope.signed(digest)):",
        "verification/formats/test_ssh_signature.py::test_altered_content_is_refused",
    ),
    guard(
        "verification/ssh/judgement.py",
        "if certificate.kind != USER:",
        "verification/formats/test_ssh_signature.py::test_certificate_that_does_not_fit_is_refused",
    ),
    guard(
        "verification/ssh/acceptance.py",
        "if withdrawn:",
        "verification/formats/test_ssh_signature.py::"
        "test_attack_10_withdrawn_key_is_refused_whichever_way_it_is_listed",
    ),
    guard(
        "verification/ssh/acceptance.py",
        "if not for_this:",
        "verification/formats/test_ssh_signature.py::"
        "test_key_counts_only_for_the_namespaces_of_its_line",
    ),
    guard(
        "verification/ssh/acceptance.py",
        "if not timely:",
        "verification/formats/test_ssh_signature.py::test_attack_02_line_counts_only_in_its_window",
    ),
    guard(
        "verification/ssh/acceptance.py",
        "if not answering:",
        "verification/formats/test_ssh_signature.py::test_certificate_that_does_not_fit_is_refused",
    ),
    guard(
        "verification/ssh/envelope.py",
        "if not bare.startswith(_HEADER) or not bare.endswith(_FOOTER):",
        "verification/formats/test_ssh_signature.py::test_flipped_armor_is_refused",
    ),
    guard(
        "verification/ssh/key.py",
        "if follows or not browser.are_about(signed):",
        "verification/formats/test_ssh_signature.py::"
        "test_security_key_signs_what_a_browser_says_of_the_message",
        "verification/formats/test_ssh_signature.py::"
        "test_words_of_a_browser_end_where_their_origin_ends",
    ),
    guard(
        "verification/formats/git_object.py",
        "if found is not None and stated not in found:",
        "verification/formats/test_git_object.py::"
        "test_attack_01_object_under_the_name_of_another_is_refused",
    ),
    guard(
        "verification/git/object.py",
        "if names[: len(first)] != first or not _OPTIONAL.union(first).issuperset(order):",
        "verification/formats/test_git_object.py::"
        "test_attack_18_signature_before_what_git_reads_by_its_place_is_malformed",
    ),
    guard(
        "verification/git/object.py",
        "if names.count(name) > 1:",
        "verification/formats/test_git_object.py::"
        "test_attack_18_object_that_two_readers_read_differently_is_malformed",
    ),
    guard(
        "verification/formats/minisign.py",
        "if not _holds(key, signature.over_comment, signature.value + comment):",
        "verification/formats/test_minisign.py::"
        "test_attack_11_trusted_comment_is_not_anybodys_to_write",
    ),
    guard(
        "verification/formats/minisign.py",
        "if winner is None:",
        "verification/formats/test_minisign.py::"
        "test_attack_01_key_of_another_under_the_same_id_is_not_enough",
    ),
    guard(
        "verification/minisign.py",
        "if kind == _PREHASHED and trusted is None:",
        "verification/formats/test_minisign.py::"
        "test_prehashed_signature_without_its_comment_is_malformed",
    ),
    guard(
        "verification/formats/rpm.py",
        "if lacks is not None:",
        "verification/formats/test_rpm.py::test_attack_12_payload_that_nothing_signed_names",
    ),
    guard(
        "verification/formats/rpm.py",
        "if differs is not None:",
        "verification/formats/test_rpm.py::"
        "test_attack_12_corrupted_payload_under_a_good_header_signature",
    ),
    guard(
        "verification/archives/rpm_header.py",
        "if tag not in _TAGS or tag in entries or offset < at or start <= offset < stop:",
        "verification/formats/test_rpm.py::test_attack_18_two_entries_of_one_tag_are_malformed",
    ),
    guard(
        "verification/formats/helm_provenance.py",
        "if ours in files.values():",
        "verification/formats/test_helm_provenance.py::"
        "test_archive_known_by_its_digest_alone_is_found_by_it",
        new="if files:",
    ),
    guard(
        "verification/formats/helm_provenance.py",
        "if files[named] != ours:",
        "verification/formats/test_helm_provenance.py::"
        "test_attack_04_provenance_of_another_archive_is_refused",
    ),
    guard(
        "verification/formats/helm_provenance.py",
        'if len(ends) != 1 or "---" in lines:',
        "verification/formats/test_helm_provenance.py::"
        "test_attack_18_text_that_two_readers_read_differently_is_malformed",
    ),
    guard(
        "core/cleartext.py",
        "if after <= len(whole):",
        "verification/openpgp/test_openpgp.py::test_attack_11_cleartext_injection_is_malformed",
        "core/test_cleartext.py::test_attack_11_anything_but_one_message_is_refused",
        "verification/formats/test_helm_provenance.py::test_attack_11_second_message_in_one_file",
        new="if False:",
    ),
    guard(
        "core/cleartext.py",
        "if _line(whole, begin) != MESSAGE_BEGIN:",
        "core/test_cleartext.py::test_attack_11_anything_but_one_message_is_refused",
    ),
    guard(
        "verification/formats/checksum_list.py",
        "if ours is None:",
        "verification/formats/test_checksum_list.py::test_attack_04_mismatch_shows_both_digests",
    ),
    guard(
        "core/checksums.py",
        "if known[:1] != readings[:1]:",
        "core/test_checksums.py::test_attack_17_line_is_refused_by_number",
    ),
    guard(
        "core/checksums.py",
        'if any(part in ("", ".", "..") for part in parts):',
        "core/test_checksums.py::test_attack_17_line_is_refused_by_number",
    ),
    guard(
        "verification/openpgp/apt_release.py",
        "if now < until:",
        "verification/openpgp/test_release.py::"
        "test_attack_19_valid_until_is_the_first_instant_it_is_expired",
        new="if until:",
    ),
    guard(
        "verification/openpgp/apt_release.py",
        "if release.date >= not_before:",
        "verification/openpgp/test_release.py::"
        "test_attack_19_an_older_release_than_the_last_accepted_is_a_rollback",
        new="if release.date:",
    ),
    guard(
        "verification/openpgp/apt_release.py",
        "if release.date <= now + AHEAD:",
        "verification/openpgp/test_release.py::test_a_release_from_the_future_is_refused",
        new="if release.date:",
    ),
    guard(
        "verification/openpgp/apt_release.py",
        "    if asked in stated:\n        return True",
        "verification/openpgp/test_release.py::test_attack_19_another_suite_of_the_same_signer_is_refused",
        new="    if stated:\n        return True",
    ),
    guard(
        "verification/standing.py",
        "if refused:",
        "jobs/test_verify_command.py::test_attack_13_several_pieces_come_to_one_outcome",
    ),
]
