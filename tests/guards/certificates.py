"""Guards of certificates, CMS, timestamps, archives and programs."""

from __future__ import annotations

from tests.guards.guard import guard

CERTIFICATES = [
    guard(
        "verification/x509/direct.py",
        " or not may_issue(anchor)",
        "verification/x509/test_direct.py::"
        "test_attack_09_anchor_that_limits_what_it_issues_is_left_to_the_library",
        new=" or False",
    ),
    guard(
        "verification/x509/direct.py",
        "if kind not in _ORDINARY or (extension.critical and kind not in _MAY_BE_CRITICAL):",
        "verification/x509/test_direct.py::"
        "test_attack_09_what_is_out_of_the_ordinary_is_left_to_the_library",
        "verification/x509/test_direct.py::"
        "test_attack_09_anchor_that_limits_what_it_issues_is_left_to_the_library",
    ),
    guard(
        "verification/x509/direct.py",
        "if stated != algorithm or ",
        "verification/x509/test_direct.py::"
        "test_attack_09_what_is_out_of_the_ordinary_is_left_to_the_library",
        new="if ",
    ),
    guard(
        "verification/x509/direct.py",
        "if fields is None or fields.issuer != issuer.subject:",
        "verification/x509/test_direct.py::"
        "test_attack_09_what_is_out_of_the_ordinary_is_left_to_the_library",
        new="if fields is None:",
    ),
    guard(
        "verification/x509/certificates.py",
        "return form is not None and form.fullmatch(str(name.value)) is not None",
        "verification/x509/test_certificate_rules.py::"
        "test_attack_06_name_that_reads_as_one_of_another_kind_names_nobody",
        new="return form is not None",
    ),
    guard(
        "verification/x509/name_constraints.py",
        "if not (is_comparable and local and is_host):",
        "verification/x509/test_certificate_rules.py::"
        "test_attack_09_address_in_the_subject_keeps_to_the_constraints",
    ),
    guard(
        "verification/x509/usage.py",
        "if isinstance(extension.value, x509.KeyUsage) and not "
        "_may_sign(extension.value, purposes):",
        "verification/x509/test_certificate_chain.py::"
        "test_attack_09_signer_must_be_allowed_to_sign_code",
        new="if False:",
    ),
    guard(
        "verification/x509/usage.py",
        "if not stated & {*purposes, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}:",
        "verification/x509/test_certificate_chain.py::"
        "test_attack_09_signer_must_be_allowed_to_sign_code",
        "verification/formats/test_cms_detached.py::test_attack_09_purpose_of_the_certificate",
        "verification/formats/test_authenticode.py::test_attack_09_certificate_must_be_for_code",
    ),
    guard(
        "verification/x509/usage.py",
        "if key.weakness:",
        "verification/x509/test_certificate_chain.py::test_short_key_of_the_signer_is_weak",
    ),
    guard(
        "verification/x509/usage.py",
        "if is_weakly_signed(leaf):",
        "verification/x509/test_certificate_chain.py::"
        "test_attack_10_certificate_signed_with_a_forgeable_hash_is_weak",
    ),
    guard(
        "verification/x509/chain.py",
        "if may_issue(leaf) and not is_pinned:",
        "verification/x509/test_certificate_chain.py::"
        "test_attack_09_signer_must_be_allowed_to_sign_code",
    ),
    guard(
        "verification/x509/chain.py",
        "[member for member in authorities.members if member.counts(at)]",
        "verification/x509/test_certificate_chain.py::"
        "test_attack_02_window_of_the_trust_entry_ends_the_chain",
        new="list(authorities.members)",
    ),
    guard(
        "verification/x509/chain.py",
        "    if isinstance(checks, Fault):\n        return checks\n",
        "verification/x509/test_revocation.py::"
        "test_attack_10_chain_with_a_revoked_certificate_is_refused",
        "verification/formats/test_notation.py::"
        "test_attack_10_revoked_signer_is_refused_even_where_it_was_revoked_later",
        new="    if isinstance(checks, Fault):\n        checks = ()\n",
    ),
    guard(
        "verification/x509/path.py",
        "if _may_lead_to(each, purpose)]",
        "verification/x509/test_certificate_path.py::"
        "test_attack_09_authority_for_other_purposes_does_not_lead_on",
        new="]",
    ),
    guard(
        "verification/cms/judgement.py",
        "and not ends else None",
        "verification/formats/test_authenticode.py::"
        "test_attack_10_certificate_for_its_lifetime_ends_what_it_signed",
        new="else None",
    ),
    guard(
        "verification/cms/signature.py",
        "    if content is None:\n",
        "verification/formats/test_cms_detached.py::"
        "test_attack_04_attributes_of_one_signature_are_not_content_of_another",
        new="    if False:\n",
    ),
    guard(
        "verification/x509/path.py",
        "if refused_address(links):",
        "verification/x509/test_certificate_rules.py::"
        "test_attack_09_address_in_the_subject_keeps_to_the_constraints",
    ),
    guard(
        "verification/x509/path.py",
        "    if links[0] != leaf:\n",
        "verification/x509/test_certificate_chain.py::"
        "test_attack_09_certificate_that_the_library_sees_for_an_anchor_is_nobodys_own",
        new="    if False:\n",
    ),
    guard(
        "verification/x509/path.py",
        "if stated is not None and stated.require_explicit_policy is not None:",
        "verification/x509/test_certificate_rules.py::"
        "test_policies_are_not_asked_for_and_a_demand_for_one_is_not_judged",
    ),
    guard(
        "verification/x509/path.py",
        "if has_strangers and not _may_be_issued(leaf, anchored, anchors):",
        "verification/x509/test_certificate_rules.py::"
        "test_attack_16_certificates_of_strangers_are_not_searched_among_themselves",
    ),
    guard(
        "verification/x509/path.py",
        "if tried > most:",
        "verification/x509/test_certificate_path.py::"
        "test_attack_16_a_staircase_of_one_name_is_not_climbed_to_its_end",
    ),
    guard(
        "verification/x509/ways.py",
        "if steps > MAX_STEPS:",
        "verification/x509/test_certificate_path.py::"
        "test_attack_16_ways_that_end_nowhere_are_followed_so_far_and_no_further",
    ),
    guard(
        "verification/x509/ways.py",
        "if len(found) > MAX_WAYS:",
        "verification/x509/test_certificate_path.py::"
        "test_attack_16_more_ways_than_are_tried_are_too_many",
    ),
    guard(
        "verification/x509/path.py",
        "if is_issued_by(each, issuer)]",
        "verification/x509/test_certificate_path.py::"
        "test_attack_16_only_what_leads_up_to_an_anchor_is_searched",
        new="]",
    ),
    guard(
        "verification/x509/diagnosis.py",
        "zip(budget, named, strict=False)",
        "verification/x509/test_certificate_rules.py::"
        "test_attack_16_certificates_of_strangers_are_not_searched_among_themselves",
        new="enumerate(named)",
    ),
    guard(
        "verification/only.py",
        "    if not kept:\n",
        "verification/test_trust.py::test_attack_02_entry_holds_nothing_but_what_only_names",
        new="    if False:\n",
    ),
    guard(
        "verification/keys/rsa.py",
        "            if self.pss is not None and tried is not Padding.PSS:\n",
        "verification/keys/test_public_key.py::"
        "test_attack_08_key_made_for_pss_takes_no_other_padding_hash_or_salt",
        new="            if False:\n",
    ),
    guard(
        "verification/cms/algorithm.py",
        "if key.pss is not None:",
        "verification/formats/test_cms_detached.py::"
        "test_attack_08_certificate_made_for_pss_keeps_its_signatures_to_pss",
    ),
    guard(
        "verification/cms/algorithm.py",
        "if key.pss is not None and not key.pss.allow(algorithm, stated.salt_bytes):",
        "verification/formats/test_cms_detached.py::"
        "test_attack_08_certificate_made_for_pss_keeps_its_signatures_to_pss",
    ),
    guard(
        "verification/x509/revocation.py",
        "if later is RevokedLater.NOTED_IF_STATED:",
        "verification/x509/test_revocation.py::test_attack_10_timestamp_of_a_revoked_authority",
        "verification/formats/test_authenticode.py::"
        "test_attack_10_countersignature_of_a_revoked_authority",
    ),
    guard(
        "verification/x509/path.py",
        "        if one.begins <= at < one.ends:",
        "verification/x509/test_certificate_path.py::"
        "test_path_is_searched_for_once_and_never_used_outside_its_window",
        new="        if one.begins:",
    ),
    guard(
        "verification/x509/path.py",
        "        issuers += filter(is_issuer, led)\n",
        "verification/x509/test_certificate_path.py::"
        "test_attack_16_below_a_certificate_that_is_no_authority_nothing_is_looked_at",
        new="        issuers += led\n",
    ),
    guard(
        "verification/x509/revocation.py",
        "(issuer, *links[1:], *namesakes)",
        "verification/x509/test_revocation.py::"
        "test_attack_10_list_by_another_key_of_the_issuer_refutes_and_does_not_vouch",
        new="(issuer,)",
    ),
    guard(
        "verification/x509/revocation_crl.py",
        "if not unsure and issuers[0] not in signers:",
        "verification/x509/test_revocation.py::"
        "test_attack_10_list_by_another_key_of_the_issuer_refutes_and_does_not_vouch",
    ),
    guard(
        "verification/formats/authenticode.py",
        "    if stamps > MAX_ALL_TIMES:\n",
        "verification/formats/test_authenticode.py::"
        "test_attack_16_timestamps_of_nested_signatures_are_counted_together",
        new="    if False:\n",
    ),
    guard(
        "verification/x509/certificates.py",
        'if not encoded.endswith(b"\\x00" + certificate.signature):',
        "verification/x509/test_certificate_chain.py::test_signature_with_unused_bits_is_malformed",
    ),
    guard(
        "verification/cms/signature.py",
        "if stated_type != signed.content_type:",
        "verification/formats/test_cms_detached.py::test_signed_attributes_that_do_not_fit",
    ),
    guard(
        "verification/cms/signature.py",
        "if signer_info.reads_as_attributes(content.read_at(0, _ATTRIBUTES_READ), content.size):",
        "verification/formats/test_cms_detached.py::"
        "test_attack_04_attributes_of_one_signature_are_not_content_of_another",
    ),
    guard(
        "verification/cms/algorithm.py",
        "if oid not in known:",
        "verification/formats/test_cms_detached.py::"
        "test_attack_08_algorithm_that_is_stated_fits_key_and_digest",
    ),
    guard(
        "verification/cms/signer_info.py",
        "if not values or (len(values) > 1 and kind in _SINGLE):",
        "verification/formats/test_cms_detached.py::test_signed_attributes_that_do_not_fit",
    ),
    guard(
        "verification/cms/signer_info.py",
        "if (is_repeated and kind in _SINGLE) or len(spelled) > _MAX_ATTRIBUTES:",
        "verification/formats/test_cms_detached.py::test_signed_attributes_that_do_not_fit",
    ),
    guard(
        "verification/cms/judgement.py",
        "if faults:",
        "verification/formats/test_cms_detached.py::"
        "test_attack_13_every_signer_must_hold_and_all_are_told",
    ),
    guard(
        "verification/cms/judgement.py",
        "if key.window(at) is not Window.WITHIN:",
        "verification/formats/test_cms_detached.py::"
        "test_attack_02_key_counts_inside_its_window_only",
    ),
    guard(
        "verification/formats/cms_detached.py",
        "if differing:",
        "verification/formats/test_cms_detached.py::test_content_inside_must_be_the_artifact",
    ),
    guard(
        "verification/git/cms.py",
        "if data.content is not None or data.content_type != identifiers.DATA:",
        "verification/git/test_git_cms.py::test_what_the_signature_holds_must_be_nothing",
    ),
    guard(
        "verification/formats/authenticode.py",
        "if ours.raw != stated:",
        "verification/formats/test_authenticode.py::test_attack_01_signature_of_another_program",
    ),
    guard(
        "verification/formats/authenticode.py",
        "if kind not in _PE_KINDS:",
        "verification/formats/test_authenticode.py::"
        "test_attack_04_statement_about_another_kind_of_file_is_about_no_program",
    ),
    guard(
        "verification/cms/times.py",
        "if not _is_for_timestamps(leaf):",
        "verification/formats/test_authenticode.py::"
        "test_attack_03_countersignature_proves_a_time_by_a_certificate_for_times_alone",
    ),
    guard(
        "verification/cms/times.py",
        "if at is None:",
        "verification/formats/test_authenticode.py::"
        "test_attack_03_countersignature_proves_a_time_by_a_certificate_for_times_alone",
    ),
    guard(
        "verification/cms/times.py",
        "if proved is not None and proved.at > now:",
        "verification/formats/test_authenticode.py::"
        "test_attack_03_countersignature_proves_a_time_by_a_certificate_for_times_alone",
    ),
    guard(
        "verification/archives/pe_file.py",
        "if table_at + table_bytes != size:",
        "verification/formats/test_authenticode.py::test_attack_12_bytes_after_the_signature",
    ),
    guard(
        "verification/archives/pe_file.py",
        "if any(body[whole:]) or any(rest) or len(body) - whole >= _ALIGNED:",
        "verification/formats/test_authenticode.py::test_attack_12_bytes_after_the_signature",
    ),
    guard(
        "verification/archives/jar_file.py",
        "if missing:",
        "verification/formats/test_jar.py::test_attack_12_partial_coverage",
    ),
    guard(
        "verification/archives/jar_file.py",
        "if each.digest() != stated.strong[name]:",
        "verification/formats/test_jar.py::test_attack_12_partial_coverage",
    ),
    guard(
        "verification/formats/jar.py",
        "if data.content not in (None, signature.content) or"
        " data.content_type != identifiers.DATA:",
        "verification/formats/test_jar.py::test_block_with_content_of_its_own",
    ),
    guard(
        "verification/formats/nuget.py",
        "if package.ours != package.stated:",
        "verification/formats/test_nuget.py::"
        "test_attack_12_whatever_is_added_or_changed_is_noticed",
    ),
    guard(
        "verification/formats/nuget.py",
        'if repository and kind != "author":',
        "verification/formats/test_nuget.py::"
        "test_attack_01_repository_countersigns_no_signature_that_names_no_certificate",
    ),
    guard(
        "verification/archives/jar_file.py",
        "if magic is not None:",
        "verification/formats/test_jar.py::"
        "test_attack_04_magic_that_nobody_here_understands_is_not_judged",
    ),
    guard(
        "verification/cms/timestamps.py",
        "if info.authority and not bears_name(path.links[0], info.authority):",
        "verification/cms/test_timestamps.py::"
        "test_name_that_the_authority_states_is_one_of_its_certificate",
    ),
    guard(
        "verification/formats/nuget.py",
        "if ends_with_its_life(vouched.certificate):",
        "verification/formats/test_nuget.py::test_certificate_that_packages_do_not_take",
    ),
    guard(
        "verification/archives/zip_directory.py",
        "if place in names:",
        "verification/archives/test_zip_archive.py::test_attack_17_what_can_be_read_in_two_ways_is_refused",
    ),
    guard(
        "verification/archives/zip_directory.py",
        'if "\\0" in name or is_elsewhere or _DRIVE.match(name):',
        "verification/formats/test_jar.py::test_attack_17_names_that_lead_out_of_the_archive",
    ),
    guard(
        "verification/archives/zip_directory.py",
        "if found + _END_FORM.size + comment != len(tail):",
        "verification/archives/test_zip_archive.py::test_attack_17_what_can_be_read_in_two_ways_is_refused",
    ),
    guard(
        "verification/archives/zip_archive.py",
        "if entry.offset != at:",
        "verification/archives/test_zip_archive.py::test_attack_17_what_can_be_read_in_two_ways_is_refused",
    ),
    guard(
        "verification/archives/zip_archive.py",
        "if stated != (entry.flags, entry.method, entry.raw_name):",
        "verification/archives/test_zip_archive.py::test_attack_17_what_can_be_read_in_two_ways_is_refused",
    ),
    guard(
        "verification/archives/zip_archive.py",
        "if unpacked > min(most, self._limits.artifact_bytes):",
        "verification/archives/test_zip_archive.py::test_attack_16_bombs_are_counted",
    ),
    guard(
        "verification/archives/zip_archive.py",
        "if (size, crc) != (entry.size, entry.crc):",
        "verification/archives/test_zip_archive.py::test_data_that_is_not_what_the_list_states",
    ),
    guard(
        "verification/x509/version_one.py",
        "if is_weakly_signed(leaf) or len(leaf.extensions):",
        "verification/x509/test_version_one.py::"
        "test_attack_09_one_with_extensions_all_the_same_is_not_judged",
    ),
    guard(
        "verification/x509/version_one.py",
        "may_issue(issuer) and not demands_policy(issuer) and _is_strong(issuer)",
        "verification/x509/test_version_one.py::test_attack_09_authority_that_may_not_vouch",
        new="may_issue(issuer) and _is_strong(issuer)",
    ),
    guard(
        "verification/x509/chain.py",
        "if proved_at is not None and (due_at is None or due_at > proved_at):",
        "verification/formats/test_cms_detached.py::"
        "test_accuracy_that_reaches_past_now_ends_no_certificate_that_is_valid_now",
        new="if proved_at is not None:",
    ),
    guard(
        "jobs/rejudging.py",
        "if is_due and any(_is_open(item.verification) for item in facts.items):",
        "jobs/test_renewed_authority.py::test_each_source_that_shares_a_verification_looks_anew",
    ),
]
