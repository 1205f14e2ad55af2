"""Guards of the Sigstore core: bundles, logs, certificates and times."""

from __future__ import annotations

from tests.guards.guard import guard

SIGSTORE = [
    guard(
        "verification/sigstore/fields.py",
        "if key in parent:",
        "verification/sigstore/test_sigstore_bundle.py::"
        "test_attack_18_second_of_two_under_its_source_name_is_not_passed_over",
    ),
    guard(
        "verification/sigstore/fulcio.py",
        "if not has_form(name):",
        "verification/sigstore/test_sigstore_parts.py::TestFulcio::"
        "test_attack_06_name_that_reads_as_one_of_another_kind_is_none",
    ),
    guard(
        "verification/sigstore/fulcio.py",
        'if not subject or not domain or "!" in domain or "@" in user or "://" in user:',
        "verification/sigstore/test_sigstore_parts.py::TestFulcio::"
        "test_attack_06_name_that_reads_as_one_of_another_kind_is_none",
    ),
    guard(
        "verification/sigstore/keyless.py",
        " or root.broken:",
        "verification/sigstore/test_sigstore_bundle.py::TestRoots::"
        "test_a_root_demands_proofs_of_what_its_own_authorities_certified_alone",
        new=":",
    ),
    guard(
        "verification/sigstore/entry_body.py",
        "if recorded != signed.signature:",
        "verification/sigstore/test_sigstore_attacks.py::"
        "TestAttack01LogEntryNotTiedToTheBundle::"
        "test_entry_with_another_signature_or_digest_under_the_same_certificate",
        "verification/sigstore/test_sigstore_attacks.py::"
        "TestAttack01LogEntryNotTiedToTheBundle::"
        "test_entry_with_another_signature_of_the_same_envelope",
    ),
    guard(
        "verification/sigstore/entry_body.py",
        "if is_key == bool(signed.certificate) or der != signed.signer():",
        "verification/sigstore/test_sigstore_attacks.py::"
        "TestAttack01LogEntryNotTiedToTheBundle::"
        "test_entry_of_another_signer_about_the_same_statement",
    ),
    guard(
        "verification/sigstore/entry_body.py",
        "if ours.value != value:\n"
        '        raise _OtherError("the entry records another digest", str(ours), '
        'f"{algorithm}:{value}")',
        "verification/sigstore/test_sigstore_attacks.py::"
        "TestAttack01LogEntryNotTiedToTheBundle::"
        "test_entry_with_another_signature_or_digest_under_the_same_certificate",
    ),
    guard(
        "verification/sigstore/entry_body.py",
        'if ours.value != value:\n        what = "the entry records another payload"',
        "verification/sigstore/test_sigstore_attacks.py::"
        "TestAttack01LogEntryNotTiedToTheBundle::"
        "test_entry_with_another_payload_under_the_same_certificate_and_signature",
    ),
    guard(
        "verification/sigstore/entry_body.py",
        'if written.rstrip(b"=") not in _spellings(signed.signature):',
        "verification/sigstore/test_sigstore_attacks.py::"
        "TestAttack01LogEntryNotTiedToTheBundle::"
        "test_entry_with_another_signature_of_the_same_envelope",
    ),
    guard(
        "verification/sigstore/entry_body.py",
        "if written != stated:",
        "verification/sigstore/test_sigstore_attacks.py::"
        "TestAttack01LogEntryNotTiedToTheBundle::test_entry_that_says_to_be_of_another_kind",
    ),
    guard(
        "verification/sigstore/entry_body.py",
        "entry.body == _usual_hashedrekord(signed)",
        "verification/sigstore/test_sigstore_attacks.py::"
        "TestAttack01LogEntryNotTiedToTheBundle::"
        "test_entry_with_another_signature_or_digest_under_the_same_certificate",
        new='entry.body[:60] == (_usual_hashedrekord(signed) or b"")[:60]',
    ),
    guard(
        "verification/sigstore/log_entry.py",
        "if root is None or root != proof.root_hash:",
        "verification/sigstore/test_sigstore_attacks.py::"
        "TestAttack01LogEntryNotTiedToTheBundle::"
        "test_proof_that_does_not_lead_to_the_signed_root",
    ),
    guard(
        "verification/sigstore/log_entry.py",
        "if (checkpoint.root_hash, checkpoint.size) != (proof.root_hash, proof.tree_size):",
        "verification/sigstore/test_sigstore_attacks.py::"
        "TestAttack07HintsBelievedBeforeVerification::"
        "test_checkpoint_of_another_tree_of_the_same_log",
    ),
    guard(
        "verification/sigstore/log_entry.py",
        "if signer is None:",
        "verification/sigstore/test_sigstore_attacks.py::"
        "TestAttack07HintsBelievedBeforeVerification::"
        "test_checkpoint_signed_by_another_log_under_the_name_and_hint_of_this_one",
    ),
    guard(
        "verification/sigstore/log_entry.py",
        "if each.key.fingerprint == log.key.fingerprint)",
        "verification/sigstore/test_sigstore_attacks.py::"
        "TestAttack02KeyValidityWindowIgnored::"
        "test_key_that_a_log_had_before_promises_no_time_any_more",
        new=")",
    ),
    guard(
        "verification/sigstore/log_entry.py",
        "if log.holds(entry.promise, signed):",
        "verification/sigstore/test_sigstore_attacks.py::"
        "TestAttack03IntegratedTimeWithoutPromise::test_promise_over_another_time",
        new="if log:",
    ),
    guard(
        "verification/sigstore/log_entry.py",
        "if (entry.kind, entry.version) not in PROMISING:",
        "verification/sigstore/test_sigstore_attacks.py::"
        "TestAttack03IntegratedTimeWithoutPromise::"
        "test_second_version_of_the_log_promises_nothing",
    ),
    guard(
        "verification/sigstore/log_entry.py",
        "if (entry.kind, entry.version) not in PROMISING and entry.log_index != proof.log_index:",
        "verification/sigstore/test_sigstore_attacks.py::"
        "TestAttack01LogEntryNotTiedToTheBundle::test_second_version_s_place_is_the_proof_s",
    ),
    guard(
        "verification/sigstore/log_entry.py",
        "if version != V01 and (entry.proof is None or not entry.proof.checkpoint):",
        "verification/sigstore/test_sigstore_attacks.py::"
        "TestAttack07HintsBelievedBeforeVerification::test_proof_without_the_signed_root",
    ),
    guard(
        "verification/sigstore/checkpoint.py",
        "if not _is_name_of(line.name, checkpoint.origin):",
        "verification/sigstore/test_sigstore_parts.py::TestCheckpoint::"
        "test_the_name_has_to_be_the_origin_s",
    ),
    guard(
        "verification/sigstore/checkpoint.py",
        "line.hint in log.hints and _holds(",
        "verification/sigstore/test_sigstore_parts.py::TestCheckpoint::"
        "test_the_hint_has_to_be_the_key_s",
        new="_holds(",
    ),
    guard(
        "verification/sigstore/merkle.py",
        "return root if last == 0 else None",
        "verification/sigstore/test_sigstore_parts.py::TestMerkle::test_every_place_in_a_tree",
        new="return root",
    ),
    guard(
        "verification/sigstore/times.py",
        "if not bundle.entries:",
        "verification/sigstore/test_sigstore_bundle.py::TestRoots::"
        "test_a_root_with_logs_demands_an_entry",
    ),
    guard(
        "verification/sigstore/times.py",
        "if last <= now:",
        "verification/sigstore/test_sigstore_bundle.py::TestTimes::test_a_time_to_come_is_refused",
        new="if last:",
    ),
    guard(
        "verification/sigstore/times.py",
        "fitting = [each for each in same if all(map(each.counts, times))]",
        "verification/sigstore/test_sigstore_attacks.py::"
        "TestAttack02KeyValidityWindowIgnored::test_key_of_a_log_outside_its_window",
        "verification/sigstore/test_sigstore_attacks.py::"
        "TestAttack02KeyValidityWindowIgnored::"
        "test_key_of_a_second_version_log_outside_its_window",
        new="fitting = same",
    ),
    guard(
        "verification/sigstore/times.py",
        "            return proved\n        found.append",
        "verification/sigstore/test_sigstore_attacks.py::"
        "TestAttack07HintsBelievedBeforeVerification::"
        "test_timestamp_by_an_authority_of_the_bundle_s_own",
        new="            continue\n        found.append",
    ),
    guard(
        "verification/sigstore/times.py",
        "bundle.stamped, authorities, setting.limits",
        "verification/sigstore/test_sigstore_revocation.py::"
        "test_authority_of_timestamps_that_is_withdrawn_proves_no_time",
        new="bundle.stamped, root.timestamp_authorities, setting.limits",
    ),
    guard(
        "verification/sigstore/keyless.py",
        "if not times.moments:",
        "verification/sigstore/test_sigstore_attacks.py::"
        "TestAttack03IntegratedTimeWithoutPromise::test_promise_dropped_and_time_kept",
    ),
    guard(
        "verification/sigstore/keyless.py",
        "if not begins <= moment.at <= ends:",
        "verification/sigstore/test_sigstore_bundle.py::TestTimes::"
        "test_every_time_has_to_lie_in_the_certificate",
    ),
    guard(
        "verification/sigstore/keyless.py",
        "if late is None:",
        "verification/sigstore/test_sigstore_bundle.py::TestRoots::"
        "test_an_authority_outside_its_window_is_refused",
        new="if True:",
    ),
    guard(
        "verification/sigstore/keyless.py",
        "return replace(found, links=(*found.links, *above))",
        "verification/sigstore/test_sigstore_revocation.py::"
        "test_authority_withdrawn_by_the_one_above_it_is_refused",
        new="return found",
    ),
    guard(
        "verification/sigstore/keyless.py",
        "at = min(times.first.before, setting.now)",
        "verification/sigstore/test_sigstore_revocation.py::"
        "test_what_counts_is_the_last_moment_that_a_timestamp_allows",
        new="at = times.first.at",
    ),
    guard(
        "verification/sigstore/trusted_root.py",
        "if any(_limits_signers(each) for each in chain):",
        "verification/sigstore/test_sigstore_bundle.py::TestAuthorityInTheRoot::"
        "test_what_a_certificate_of_the_chain_limits_counts",
    ),
    guard(
        "verification/sigstore/keyless.py",
        "if wrong:",
        "verification/sigstore/test_sigstore_attacks.py::"
        "TestAttack09UsageOfTheSignersCertificate::test_it_is_refused",
    ),
    guard(
        "verification/sigstore/keyless.py",
        "if bundle.version == V03 and bundle.material is Material.CHAIN:",
        "verification/sigstore/test_sigstore_bundle.py::TestCertificateAuthority::"
        "test_it_is_refused_under_a_trusted_root",
    ),
    guard(
        "verification/sigstore/keyless.py",
        "if bundle.version != V01 and any(each.subject == each.issuer for each in "
        "bundle.certificates):",
        "verification/sigstore/test_sigstore_bundle.py::TestCertificateAuthority::"
        "test_a_root_certificate_is_for_the_trusted_root_to_name",
    ),
    guard(
        "verification/sigstore/keyless.py",
        "    if isinstance(attempt, Fault):\n        return attempt\n",
        "verification/sigstore/test_sigstore_attacks.py::"
        "TestAttack01LogEntryNotTiedToTheBundle::"
        "test_log_that_agrees_about_a_signature_that_does_not_hold",
        new="    if isinstance(attempt, Fault):\n        return None\n",
    ),
    guard(
        "verification/sigstore/sct.py",
        "if listed is None:",
        "verification/sigstore/test_sigstore_bundle.py::TestRoots::"
        "test_a_root_with_ct_logs_demands_a_promise",
    ),
    guard(
        "verification/sigstore/sct.py",
        "if signed is None or not log.counts(at):",
        "verification/sigstore/test_sigstore_attacks.py::"
        "TestAttack02KeyValidityWindowIgnored::test_key_of_a_certificate_log_outside_its_window",
    ),
    guard(
        "verification/sigstore/sct.py",
        "return log.holds(promise.signature, signed)",
        "verification/sigstore/test_sigstore_parts.py::TestPromise::"
        "test_another_issuer_of_the_same_name_is_another_issuer",
        new="return True",
    ),
    guard(
        "verification/sigstore/sct.py",
        '    if promised is None:\n        detail = "no log that',
        "verification/sigstore/test_sigstore_parts.py::TestPromise::"
        "test_a_promise_of_an_unknown_log_proves_nothing",
        new='    if False and promised is None:\n        detail = "no log that',
    ),
    guard(
        "verification/sigstore/proof.py",
        "if envelope.payload_type != PAYLOAD_TYPE:",
        "verification/sigstore/test_sigstore_attacks.py::"
        "TestAttack04PredicateAndPayloadType::test_payload_of_another_type",
    ),
    guard(
        "verification/sigstore/proof.py",
        "if ours != stated:",
        "verification/sigstore/test_sigstore_attacks.py::"
        "TestAttack04PredicateAndPayloadType::test_message_digest_of_another_artifact",
    ),
    guard(
        "verification/sigstore/proof.py",
        "if stated and recorded.hashed and stated != recorded.hashed:",
        "verification/sigstore/test_sigstore_attacks.py::"
        "TestAttack04PredicateAndPayloadType::"
        "test_message_digest_of_another_algorithm_than_was_signed",
    ),
    guard(
        "verification/sigstore/core.py",
        "[*(logging or roots.roots)]",
        "verification/sigstore/test_sigstore_bundle.py::TestKeys::"
        "test_a_root_without_logs_beside_one_with_logs_excuses_nothing",
        new="[*roots.roots]",
    ),
    guard(
        "verification/sigstore/by_key.py",
        "    if refusal is not None:\n        return refusal\n",
        "verification/sigstore/test_sigstore_attacks.py::"
        "TestAttack02KeyValidityWindowIgnored::test_proved_time_outside_the_window",
        new="    if refusal is not None:\n        trail.signer = None or trail.signer\n",
    ),
    guard(
        "verification/sigstore/bundle.py",
        "if len(entries) > 1 and len({(e.log_id, e.log_index) for e in entries}) != len(entries):",
        "verification/sigstore/test_sigstore_attacks.py::TestAttack18LenientParsers::"
        "test_too_many_entries_or_the_same_twice",
    ),
    guard(
        "verification/sigstore/bundle.py",
        "if len(set(tokens)) != len(tokens):",
        "verification/sigstore/test_sigstore_attacks.py::TestAttack18LenientParsers::"
        "test_too_many_timestamps_or_the_same_twice",
    ),
    guard(
        "verification/sigstore/bundle.py",
        "if len(named) != 1:",
        "verification/sigstore/test_sigstore_attacks.py::TestAttack18LenientParsers::"
        "test_two_signers_or_two_contents",
    ),
    guard(
        "verification/sigstore/bundle.py",
        "if len(listed) != 1:",
        "verification/sigstore/test_sigstore_attacks.py::TestAttack18LenientParsers::"
        "test_two_signatures_in_an_envelope",
    ),
    guard(
        "verification/sigstore/fulcio.py",
        "if len(named) != 1:",
        "verification/sigstore/test_sigstore_attacks.py::"
        "TestAttack09UsageOfTheSignersCertificate::test_two_names_in_one_certificate",
    ),
    guard(
        "verification/sigstore/ed25519ph.py",
        "if key is None or nonce is None or scalar >= _L:",
        "verification/sigstore/test_sigstore_parts.py::TestEd25519ph::"
        "test_a_scalar_beyond_the_order_is_refused",
    ),
]
