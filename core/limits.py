"""Every bound on what comes from outside, in one place. Sizes in bytes, times in seconds."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

MIB = 1024 * 1024


class Limits(BaseModel):
    """Bounds on input. Each may be set under `limits:` in the settings; none can be taken away."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    connect_seconds: float = Field(
        default=10, gt=0, le=300, description="Time to open a connection."
    )
    read_seconds: float = Field(
        default=30, gt=0, le=600, description="Longest silence between two reads."
    )
    total_seconds: float = Field(
        default=900, gt=0, le=7200, description="One answer, first byte to last."
    )
    redirects: int = Field(
        default=5, ge=0, le=20, description="Redirects followed for one request."
    )
    attempts: int = Field(
        default=3, ge=1, le=10, description="Tries of one request on a passing fault."
    )
    document_bytes: int = Field(
        default=4 * MIB, ge=1024, description="A manifest, tag list or token."
    )
    evidence_bytes: int = Field(default=8 * MIB, ge=1024, description="One piece of evidence.")
    release_bytes: int = Field(
        default=16 * MIB, ge=1024, description="A Release or InRelease file."
    )
    index_bytes: int = Field(
        default=512 * MIB, ge=1024, description="A list as fetched (Packages)."
    )
    index_unpacked_bytes: int = Field(
        default=4096 * MIB, ge=1024, description="A list, decompressed."
    )
    stanza_bytes: int = Field(default=1 * MIB, ge=1024, description="One entry of a list.")
    artifact_bytes: int = Field(
        default=64 * 1024 * MIB, ge=1024, description="An artifact that is hashed."
    )
    json_depth: int = Field(default=64, ge=4, le=256, description="Nesting of a JSON document.")
    json_items: int = Field(default=200_000, ge=100, description="Values in a JSON document.")
    pages: int = Field(default=10_000, ge=1, description="Pages of one paged list.")
    tags: int = Field(default=200_000, ge=1, description="Tags of one repository.")
    repositories: int = Field(default=100_000, ge=1, description="Repositories of one registry.")
    files: int = Field(default=2_000_000, ge=1, description="Files of one folder tree.")
    signatures: int = Field(
        default=64, ge=1, le=1024, description="Pieces of evidence for one artifact."
    )
    name_characters: int = Field(
        default=1024, ge=64, le=4096, description="A name, version or tag."
    )
