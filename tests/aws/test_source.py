"""S3 as a source: what became of an object between its event and its run is told, and retried only where that helps."""

from itertools import count

import pytest

from chalicelib.aws.source import S3Source
from chalicelib.core.delivery import ObjectId
from chalicelib.core.dialect import Dialect
from chalicelib.core.errors import NotFound, Retriable, SourceMoved
from chalicelib.core.manifest import ObjectVersion
from chalicelib.core.pipeline import S3Source as Document
from chalicelib.core.plan import Sample
from chalicelib.engine.encoding import as_utf_8, detect
from chalicelib.engine.records import tally

pytestmark = pytest.mark.usefixtures("in_process")
_numbers = count(1)


@pytest.fixture
def dropped(cloud):
    """The source of one object that was announced, and where that object is."""
    key = f"source/{next(_numbers)}.csv"
    place = ObjectId("landing", key, cloud.drop(key, b"id\n1\n"))
    source = S3Source(Document(type="s3", uri="s3://landing/source/*"), objects=[place])
    yield source, place
    source.close()


def read(source: S3Source, version: ObjectVersion) -> bytes:
    with source.local(version) as path:
        return path.read_bytes()


def test_a_deleted_version_is_told_at_once_with_its_place_and_the_way_out(cloud, dropped):
    source, place = dropped
    (version,) = source.find()
    cloud.client("s3").delete_object(Bucket=place.bucket, Key=place.key, VersionId=place.version)
    for ask in (source.find, lambda: read(source, version)):
        with pytest.raises(NotFound) as caught:
            ask()
        assert not isinstance(caught.value, Retriable)
        assert (
            f"s3://landing/{place.key} was deleted in its version {place.version} before this run had read it; put the "
            "object again: the new version has a run of its own" == str(caught.value)
        )


def test_a_version_below_a_delete_marker_is_read(cloud, dropped):
    source, place = dropped
    cloud.client("s3").delete_object(Bucket=place.bucket, Key=place.key)
    assert b"id\n1\n" == read(source, *source.find())


def test_an_object_that_was_overwritten_without_versions_has_moved(cloud):
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="unversioned", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    etag = s3.put_object(Bucket="unversioned", Key="a", Body=b"1")["ETag"].strip('"')
    s3.put_object(Bucket="unversioned", Key="a", Body=b"2")
    place = ObjectId("unversioned", "a", f"etag:{etag}")
    with pytest.raises(SourceMoved, match="a newer one has a run of its own"):
        S3Source(Document(type="s3", uri="s3://unversioned/a"), objects=[place]).find()


@pytest.mark.parametrize("size", [10, 60_000])
def test_an_object_in_another_encoding_is_read_as_its_utf_8_copy(cloud, size):
    text = "id,name\n" + "1,Zoë\n" * size
    key = f"source/{next(_numbers)}.csv"
    place = ObjectId("landing", key, cloud.drop(key, text.encode("utf-16-le")))
    source = S3Source(Document(type="s3", uri="s3://landing/source/*"), objects=[place])
    (version,) = source.find()
    sample = source.sample(version)
    assert "utf-16-le" == detect(sample)[0]
    for part in (sample.head, sample.middle, sample.tail):
        assert as_utf_8(Sample(part), "utf-16-le").head.decode() in text
    with source.local(version, "utf-16-le") as path:
        assert size == tally(path, Dialect(), 2).records
    with source.local(version, "utf-16-le") as path:
        assert text.encode() == path.read_bytes()
    source.close()
