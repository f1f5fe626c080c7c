"""Restore: moto's buckets and objects as they are on disk, without reading a content or announcing anything."""

from datetime import datetime
from pathlib import Path
from typing import Any

from moto.s3 import models

from localcloud.aws.content import Upload
from localcloud.aws.disk import Disk
from localcloud.aws.mends.objects import KeptBucket, KeptKey, KeptMarker


def restore(disk: Disk, *, account: str) -> None:
    """Bring back what is on ``disk`` and sweep what a crash left unfinished."""
    named: set[str] = set()
    for name, facts in disk.buckets():
        bucket = _bucket(name, facts, account)
        for sidecar, each in disk.versions(name):
            if each["content"] is not None:
                named.add(each["content"])
            _take_in(bucket, _version(disk, bucket, sidecar, each))
        models.s3_backends[account]["aws"].buckets[name] = bucket
    disk.sweep(named)


def _bucket(name: str, facts: dict[str, Any], account: str) -> KeptBucket:
    bucket = KeptBucket(name=name, account_id=account, region_name=facts["region"])
    bucket.creation_date = datetime.fromisoformat(facts["created"])
    bucket.versioning_status = facts["versioning"]
    if facts["is_announcing"]:
        bucket.notification_configuration = models.NotificationConfiguration(event_bridge={})
    return bucket


def _take_in(bucket: KeptBucket, version: Any) -> None:
    """The newest of several without a version stands; a crash between two steps left the older ones."""
    before = bucket.keys.getlist(version.name, [])
    gone = [each for each in before if each.version_id == version.version_id == "null"]
    for each in gone:
        each.sidecar.unlink()
    bucket.keys.setlist(version.name, [*(each for each in before if each not in gone), version])


def _version(disk: Disk, bucket: KeptBucket, sidecar: Path, facts: dict[str, Any]) -> Any:
    version = _marker(bucket, facts) if facts["content"] is None else _key(disk, bucket, facts)
    version.last_modified = datetime.fromisoformat(facts["last_modified"])
    version.sidecar = sidecar
    return version


def _marker(bucket: KeptBucket, facts: dict[str, Any]) -> KeptMarker:
    before = bucket.keys.getlist(facts["key"], [])
    marker = KeptMarker(before[-1]) if before else KeptMarker.__new__(KeptMarker)
    marker.name, marker.key, marker._version_id = facts["key"], before[-1] if before else None, facts["version_id"]  # noqa: SLF001
    return marker


def _key(disk: Disk, bucket: KeptBucket, facts: dict[str, Any]) -> KeptKey:
    key = KeptKey(
        name=facts["key"],
        value=Upload(disk.content(facts["content"])),
        account_id=bucket.account_id,
        region_name=bucket.region_name,
        etag=facts["etag"],
        is_versioned=facts["is_versioned"],
        version_id=facts["version_id"],
        bucket_name=bucket.name,
    )
    key.set_metadata(facts["metadata"])
    key.checksum_algorithm, key.checksum_value = facts["checksum"]
    return key
