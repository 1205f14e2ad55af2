"""Guards of envelopes, statements, cosign, package indexes, models and Notation."""

from __future__ import annotations

from tests.guards.guard import guard

DOCUMENTS = [
    guard(
        "verification/formats/dsse.py",
        "if envelope.payload_type != PAYLOAD_TYPE:",
        "verification/formats/test_dsse.py::"
        "test_attack_04_payload_of_another_type_is_refused_though_it_is_signed",
    ),
    guard(
        "verification/statements.py",
        "    found = match(statement, artifact)\n    if found is SubjectMatch.MATCHED:",
        "verification/formats/test_dsse.py::"
        "test_attack_04_signed_statement_must_be_about_this_artifact",
        "verification/sigstore/test_sigstore_attacks.py::"
        "TestAttack04PredicateAndPayloadType::test_subject_that_is_not_the_artifact",
        "verification/formats/test_npm_attestations.py::"
        "test_other_bytes_are_refused_and_unknown_hashes_asked_for",
        "verification/formats/test_pep740.py::test_other_bytes_are_refused",
        new="    found = match(statement, artifact)\n    if found:",
    ),
    guard(
        "verification/formats/dsse.py",
        "if not good:",
        "verification/formats/test_dsse.py::test_attack_07_key_id_is_a_hint_and_never_decides",
    ),
    guard(
        "verification/formats/dsse.py",
        "if work > _WORK_FACTOR * setting.limits.evidence_bytes:",
        "verification/formats/test_dsse.py::test_attack_16_work_is_bounded_before_it_is_done",
    ),
    guard(
        "verification/envelope.py",
        "if len(items) > limits.signatures:",
        "verification/formats/test_dsse.py::test_attack_16_nesting_and_counts_are_bounded",
    ),
    guard(
        "verification/statements.py",
        "if statement.predicate_type.startswith(MODEL_TYPES):",
        "verification/formats/test_model_signing.py::"
        "test_attack_04_file_of_the_digests_that_were_signed_is_nothing_that_was",
    ),
    guard(
        "verification/statements.py",
        "if version not in STATEMENT_TYPES:",
        "verification/sigstore/test_sigstore_attacks.py::"
        "TestAttack04PredicateAndPayloadType::test_statement_of_no_known_version",
        "verification/formats/test_dsse.py::"
        "test_attack_04_signed_statement_must_be_about_this_artifact",
    ),
    guard(
        "verification/keys/keyed.py",
        "standing = Standing.VERIFIED if inside else Standing.OUTSIDE_WINDOW",
        "verification/formats/test_dsse.py::test_attack_02_key_counts_inside_its_window_only",
        "verification/formats/test_raw_signature.py::"
        "test_attack_02_key_counts_inside_its_window_only",
        "verification/formats/test_cosign_simple.py::"
        "test_attack_02_key_counts_inside_its_window_only",
        new="standing = Standing.VERIFIED",
    ),
    guard(
        "verification/formats/cosign_simple.py",
        "if payload.type != PAYLOAD_TYPE:",
        "verification/formats/test_cosign_simple.py::"
        "test_attack_04_signed_payload_of_something_else_is_invalid",
    ),
    guard(
        "verification/formats/cosign_simple.py",
        "if foreign:",
        "verification/formats/test_cosign_simple.py::"
        "test_attack_04_signed_payload_of_something_else_is_invalid",
    ),
    guard(
        "verification/formats/cosign_simple.py",
        "if payload.digest != str(ours):",
        "verification/formats/test_cosign_simple.py::"
        "test_attack_05_subject_is_what_we_hashed_not_what_anyone_says",
    ),
    guard(
        "verification/formats/cosign_simple.py",
        "if not names_authorities(setting.trust):",
        "verification/formats/test_cosign_simple.py::"
        "test_attack_07_forged_annotations_are_never_believed",
    ),
    guard(
        "verification/sigstore/cosign_bundle.py",
        "if len(leaf) != 1:",
        "verification/formats/test_cosign_simple.py::"
        "test_attack_07_certificate_that_came_along_names_nobody_without_an_authority",
    ),
    guard(
        "verification/formats/cosign_attestation.py",
        " or keyed.reason in _DECIDED",
        "verification/formats/test_cosign_attestation.py::"
        "test_a_given_key_past_its_window_decides_before_its_certificate",
        new=" ",
    ),
    guard(
        "verification/formats/cosign_blob.py",
        "if signer and _PUBLIC_KEY not in signer:",
        "verification/formats/test_cosign_blob.py::"
        "test_attack_07_public_key_in_place_of_the_certificate_names_nobody",
        new="if signer:",
    ),
    guard(
        "verification/formats/raw_signature.py",
        '        return None\n    return trail.refuse(\n        "key beside",',
        "verification/formats/test_raw_signature.py::test_attack_07_key_beside_is_never_trusted",
        new="        return None\n"
        "    return verified(trail, [trial])\n"
        "    return trail.refuse(\n"
        '        "key beside",',
    ),
    guard(
        "verification/formats/npm_signature.py",
        'if wire.text(listed, "version") != version:',
        "verification/formats/test_npm_signature.py::"
        "test_packument_is_read_for_the_version_that_is_this_package",
    ),
    guard(
        "verification/formats/npm_attestations.py",
        "if statement is None or statement.predicate_type != stated:",
        "verification/formats/test_npm_attestations.py::"
        "test_attack_04_type_listed_is_the_type_signed",
    ),
    guard(
        "verification/formats/npm_attestations.py",
        "if proof.signer.kind is not SignerKind.KEY:",
        "verification/formats/test_npm_attestations.py::"
        "test_attack_06_a_build_cannot_speak_for_the_registry",
    ),
    guard(
        "verification/formats/npm_attestations.py",
        "if len(statement.subjects) != 1 or not is_package:",
        "verification/formats/test_npm_attestations.py::"
        "test_attack_04_statement_is_about_exactly_this_package_by_sha512",
    ),
    guard(
        "verification/combination.py",
        "if worst.outcome is not Outcome.VERIFIED:",
        "verification/formats/test_npm_attestations.py::test_attack_13_every_attestation_must_hold",
        "verification/formats/test_pep740.py::test_attack_13_one_broken_attestation_breaks_all",
    ),
    guard(
        "verification/formats/pep740.py",
        "if role is None:",
        "verification/formats/test_pep740.py::"
        "test_attack_04_statement_is_of_a_known_type_about_exactly_this_file",
    ),
    guard(
        "verification/formats/pep740.py",
        'if len(statement.subjects) != 1 or statement.subjects[0].digest("sha256") is None:',
        "verification/formats/test_pep740.py::"
        "test_attack_04_statement_is_of_a_known_type_about_exactly_this_file",
    ),
    guard(
        "verification/formats/pep740.py",
        "if read_python_name(file.name) == theirs:",
        "verification/formats/test_pep740.py::test_name_of_the_file_counts_as_normalised",
        new="if theirs:",
    ),
    guard(
        "verification/publishers.py",
        "if difference is None:",
        "verification/formats/test_pep740.py::"
        "test_attack_07_publisher_is_the_indexs_word_and_must_agree_with_the_certificate",
        new="if True:",
    ),
    guard(
        "verification/models/manifest.py",
        "if computed != stated:",
        "verification/formats/test_model_signing.py::test_lists_that_break_their_form_are_refused",
    ),
    guard(
        "verification/models/manifest.py",
        'if not _is_below(name) and name != ".":',
        "verification/formats/test_model_signing.py::test_lists_that_break_their_form_are_refused",
    ),
    guard(
        "verification/models/manifest.py",
        "if reader is None:",
        "verification/formats/test_model_signing.py::"
        "test_attack_04_other_types_of_payload_and_predicate_are_no_model",
    ),
    guard(
        "verification/formats/notation.py",
        "if attributes.expiry is not None and setting.now >= attributes.expiry:",
        "verification/formats/test_notation.py::test_expiry_ends_the_signature",
    ),
    guard(
        "verification/formats/notation.py",
        "if begins <= times.earliest and times.latest < (after(ends, SECOND) or ends):",
        "verification/formats/test_notation.py::"
        "test_range_of_the_timestamp_lies_within_every_certificate",
        new="if begins:",
    ),
    guard(
        "verification/notation/content.py",
        "if envelope.content_type != PAYLOAD_TYPE and not envelope.hashed:",
        "verification/formats/test_notation.py::test_attack_04_other_payload_types_are_refused",
    ),
    guard(
        "verification/notation/content.py",
        "if ours != target.digest:",
        "verification/formats/test_notation.py::test_other_artifact_is_refused",
    ),
    guard(
        "verification/notation/content.py",
        "if stated != target.media_type:",
        "verification/formats/test_notation.py::"
        "test_attack_04_media_type_must_be_that_of_the_manifest",
    ),
    guard(
        "verification/notation/signature.py",
        "if envelope.algorithm != wanted:",
        "verification/formats/test_notation.py::"
        "test_attack_08_algorithm_of_the_header_must_be_that_of_the_key",
        "verification/formats/test_notation.py::"
        "test_attack_08_algorithm_number_must_be_that_of_the_key",
    ),
    guard(
        "verification/notation/signature.py",
        "if not _holds(key, wanted, envelope.signature, envelope.signed):",
        "verification/formats/test_notation.py::test_attack_08_none_without_a_signature_is_refused",
        "verification/formats/test_notation.py::test_attack_08_another_key_does_not_verify",
    ),
    guard(
        "verification/notation/signature.py",
        "if key.weakness:",
        "verification/formats/test_notation.py::test_attack_10_short_keys_are_weak",
    ),
    guard(
        "verification/notation/signature.py",
        "if wrong:\n"
        '        expected = "keyUsage digitalSignature alone, no purpose but signing, '
        'no authority"',
        "verification/formats/test_notation.py::"
        "test_attack_09_certificate_for_other_uses_does_not_sign",
    ),
    guard(
        "verification/notation/signature.py",
        "if wrong:\n"
        '            expected = "critical basicConstraints and keyUsage of an authority"',
        "verification/formats/test_notation.py::test_attack_09_issuers_must_be_authorities",
    ),
    guard(
        "verification/notation/jws.py",
        "if foreign:",
        "verification/formats/test_notation.py::"
        "test_attack_08_headers_that_choose_a_key_are_refused",
    ),
    guard(
        "verification/notation/jws.py",
        "if headers.keys() & beside.keys():",
        "verification/formats/test_notation.py::"
        "test_attack_08_header_that_is_signed_is_not_overruled_beside",
    ),
    guard(
        "verification/notation/content.py",
        "if envelope.hashed != wanted:",
        "verification/formats/test_notation.py::test_attack_08_hash_envelope_is_of_the_keys_hash",
    ),
    guard(
        "verification/notation/envelope.py",
        "if unmarked:",
        "verification/formats/test_notation.py::test_broken_rules_are_malformed",
    ),
    guard(
        "verification/x509/subject_names.py",
        "if wanted is None or not wanted.keys() >= _REQUIRED:",
        "verification/x509/test_subject_names.py::test_every_named_part_is_in_the_subject",
    ),
    guard(
        "verification/verifier.py",
        "if certified and not demand.identity and demand.scope is IdentityScope.NAMED:",
        "verification/test_verifier.py::test_attack_06_demanded_identity",
    ),
    guard(
        "verification/verifier.py",
        "if demand.identity and not _is_stated(demand.identity, stated, verification):",
        "verification/test_verifier.py::test_attack_06_demanded_identity",
    ),
    guard(
        "verification/verifier.py",
        "if demand.issuer and demand.issuer != issuer:",
        "verification/test_verifier.py::test_attack_06_demanded_identity",
    ),
]
