"""S3: what is put is what is got, after restarts too, at a memory that does not grow with the object."""

import hashlib
import http.client
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError
from test_announcements import Wire, told, upload
from test_aws_server import HEAD

from localcloud.aws.disk import Disk

MB, WAIT_S = 1 << 20, 10
BODY = bytes(range(256)) * 4


def body(s3, bucket: str, key: str, **more: Any) -> bytes:
    with s3.get_object(Bucket=bucket, Key=key, **more)["Body"] as stream:
        return stream.read()


def contents(cloud) -> set[Path]:
    return set((cloud.disk / "contents").iterdir())


def code(error: pytest.ExceptionInfo[ClientError]) -> tuple[int, str]:
    return error.value.response["ResponseMetadata"]["HTTPStatusCode"], error.value.response["Error"]["Code"]


@pytest.fixture
def held(cloud):
    """The client, and a bucket with one object."""
    s3, bucket = cloud.client("s3"), cloud.bucket()
    s3.put_object(Bucket=bucket, Key="a", Body=BODY)
    return s3, bucket


@pytest.mark.parametrize(
    ("asked", "expected", "said"),
    [
        ("bytes=0-", BODY, "bytes 0-1023/1024"),
        ("bytes=0-0", BODY[:1], "bytes 0-0/1024"),
        ("bytes=10-19", BODY[10:20], "bytes 10-19/1024"),
        ("bytes=1020-9999", BODY[1020:], "bytes 1020-1023/1024"),
        ("bytes=-5", BODY[-5:], "bytes 1019-1023/1024"),
        ("bytes=-9999", BODY, "bytes 0-1023/1024"),
    ],
)
def test_a_range_is_those_bytes(held, asked, expected, said):
    s3, bucket = held
    answer = s3.get_object(Bucket=bucket, Key="a", Range=asked)
    with answer["Body"] as stream:
        assert (expected, said, len(expected)) == (stream.read(), answer["ContentRange"], answer["ContentLength"])


@pytest.mark.parametrize(("key", "asked"), [("a", "bytes=1024-"), ("a", "bytes=5000-6000"), ("empty", "bytes=0-")])
def test_a_range_past_the_end_cannot_be_satisfied(held, key, asked):
    s3, bucket = held
    s3.put_object(Bucket=bucket, Key="empty", Body=b"")
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=bucket, Key=key, Range=asked)
    assert (416, "InvalidRange") == code(error)


def at_once(write: Callable[[int], None], writers: int = 8) -> None:
    """Let so many write at the same time, and wait for all."""
    together = threading.Barrier(writers)

    def writing(number: int) -> None:
        together.wait(WAIT_S)
        write(number)

    threads = [threading.Thread(target=writing, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_only_one_of_many_writers_at_once_makes_an_object_that_must_be_new(cloud):
    s3, bucket = cloud.client("s3"), cloud.bucket()
    headers = {"Authorization": HEAD, "If-None-Match": "*"}
    writers = [http.client.HTTPConnection(urlsplit(cloud.endpoint).netloc, timeout=WAIT_S) for _ in range(8)]
    for turn in range(25):
        for number, writer in enumerate(writers):  # all are on their way before the first is answered
            writer.request("PUT", f"/{bucket}/claim-{turn}", b"%d" % number, headers)
        statuses = []
        for writer in writers:
            with writer.getresponse() as answer:
                answer.read()
                statuses.append(answer.status)
        assert [200, *[412] * 7] == sorted(statuses)
        assert b"%d" % statuses.index(200) == body(s3, bucket, f"claim-{turn}")
    for writer in writers:
        writer.close()


def test_of_many_overwrites_at_once_one_is_left_on_disk(cloud):
    s3, bucket = cloud.client("s3"), cloud.bucket()
    before = contents(cloud)
    for _ in range(10):
        at_once(lambda number: s3.put_object(Bucket=bucket, Key="a", Body=b"%d" % number))
        (content,) = contents(cloud) - before
        assert content.read_bytes() == body(s3, bucket, "a")
        assert 1 == len(list((cloud.disk / "buckets" / bucket).glob("[0-9]*.json")))


def test_bytes_that_another_writer_overwrote_before_they_were_flushed_are_no_error(tmp_path):
    disk = Disk(tmp_path)
    mine, other = disk.receive([b"mine"]).take(), disk.receive([b"other"]).take()
    mine.path.unlink()
    disk.flush([mine, other])
    assert b"other" == other.path.read_bytes()


def test_head_tells_what_was_put(held):
    s3, bucket = held
    s3.put_object(Bucket=bucket, Key="b", Body=b"12345", ContentType="text/csv", Metadata={"run_id": "7"})
    found = s3.head_object(Bucket=bucket, Key="b")
    expected = (5, "text/csv", {"run_id": "7"}, '"827ccb0eea8a706c4c34a16891f84e7b"')
    assert expected == (found["ContentLength"], found["ContentType"], found["Metadata"], found["ETag"])
    with pytest.raises(ClientError) as error:
        s3.head_object(Bucket=bucket, Key="nothing")
    assert 404 == code(error)[0]


def test_listings_come_in_pages(cloud):
    s3, bucket = cloud.client("s3"), cloud.bucket()
    for number in range(7):
        s3.put_object(Bucket=bucket, Key=f"run/{number}", Body=b"x")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="run/", PaginationConfig={"PageSize": 3})
    sizes, keys = [], []
    for page in pages:
        sizes.append(len(page["Contents"]))
        keys += [each["Key"] for each in page["Contents"]]
    assert ([3, 3, 1], [f"run/{number}" for number in range(7)]) == (sizes, keys)


def test_versions_are_listed_newest_first_and_got_by_their_id(cloud):
    s3, bucket = cloud.client("s3"), cloud.bucket(versioned=True)
    ids = [s3.put_object(Bucket=bucket, Key="a", Body=b"%d" % number)["VersionId"] for number in range(3)]
    s3.delete_object(Bucket=bucket, Key="a")
    listed = s3.list_object_versions(Bucket=bucket)
    assert (ids[::-1], 1) == ([each["VersionId"] for each in listed["Versions"]], len(listed["DeleteMarkers"]))
    assert [b"0", b"1", b"2"] == [body(s3, bucket, "a", VersionId=each) for each in ids]
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=bucket, Key="a")
    assert (404, "NoSuchKey") == code(error)


def test_an_upload_in_parts_is_their_bytes_and_its_etag_says_how_many(cloud):
    s3, bucket = cloud.client("s3"), cloud.bucket()
    parts = [b"p" * 5 * MB, b"q" * 5 * MB, b"r"]
    digest = hashlib.md5(b"".join(hashlib.md5(part).digest() for part in parts)).hexdigest()  # noqa: S324
    assert f'"{digest}-3"' == upload(s3, bucket, "c", parts)["ETag"]
    assert b"".join(parts) == body(s3, bucket, "c")
    copied = {"Bucket": bucket, "Key": "c"}
    s3.copy_object(Bucket=bucket, Key="d", CopySource=copied)
    s3.delete_object(Bucket=bucket, Key="c")
    assert b"".join(parts) == body(s3, bucket, "d")


def test_what_was_overwritten_removed_or_given_up_leaves_nothing_on_disk(cloud):
    s3, bucket = cloud.client("s3"), cloud.bucket()
    before = contents(cloud)
    for number in range(3):
        s3.put_object(Bucket=bucket, Key="a", Body=b"%d" % number)
    where = {"Bucket": bucket, "Key": "b"}
    where["UploadId"] = s3.create_multipart_upload(**where)["UploadId"]
    s3.upload_part(**where, PartNumber=1, Body=b"x")
    s3.abort_multipart_upload(**where)
    with pytest.raises(ClientError):
        s3.put_object(Bucket="no-such-bucket", Key="a", Body=b"x")
    assert [b"2"] == [path.read_bytes() for path in contents(cloud) - before]
    s3.delete_object(Bucket=bucket, Key="a")
    assert before == contents(cloud)


def test_a_put_that_cannot_be_kept_changes_nothing(cloud):
    s3, bucket = cloud.client("s3"), cloud.bucket()
    s3.put_object(Bucket=bucket, Key="a", Body=b"old")
    folder = cloud.disk / "buckets" / bucket
    folder.rename(cloud.disk / "elsewhere")
    for key in ("a", "b"):
        with pytest.raises(ClientError) as error:
            s3.put_object(Bucket=bucket, Key=key, Body=b"new")
        assert 500 == code(error)[0]
    (cloud.disk / "elsewhere").rename(folder)
    assert ["a"] == [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert b"old" == body(s3, bucket, "a")


def test_many_objects_go_in_one_request_and_then_their_bucket(cloud):
    s3, bucket = cloud.client("s3"), cloud.bucket()
    before = contents(cloud)
    for key in ("a", "b", "c"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    with pytest.raises(ClientError) as error:
        s3.delete_bucket(Bucket=bucket)
    assert (409, "BucketNotEmpty") == code(error)
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in ("a", "b", "c")]})
    assert before == contents(cloud)
    s3.delete_bucket(Bucket=bucket)
    assert not (cloud.disk / "buckets" / bucket).exists()


def test_of_two_overwrites_that_a_crash_left_the_later_stands(own_cloud):
    s3, bucket = own_cloud.client("s3"), own_cloud.bucket()
    s3.put_object(Bucket=bucket, Key="a", Body=b"old")
    folder = own_cloud.disk / "buckets" / bucket
    ((old, facts),) = [(path, path.read_bytes()) for path in folder.glob("[0-9]*.json")]
    content = json.loads(facts)["content"]
    (own_cloud.disk / "kept").hardlink_to(own_cloud.disk / "contents" / content)
    s3.put_object(Bucket=bucket, Key="a", Body=b"new")
    own_cloud.stop(kill=True)
    old.write_bytes(facts)
    (own_cloud.disk / "kept").rename(own_cloud.disk / "contents" / content)
    own_cloud.start()
    s3 = own_cloud.client("s3")
    assert b"new" == body(s3, bucket, "a")
    assert 1 == len(s3.list_object_versions(Bucket=bucket)["Versions"]) == len(list(folder.glob("[0-9]*.json")))


def test_everything_answered_is_there_after_a_kill(own_cloud):
    s3, bucket = own_cloud.client("s3"), own_cloud.bucket(versioned=True)
    plain = own_cloud.bucket()
    ids = [s3.put_object(Bucket=bucket, Key="a", Body=b"%d" % number)["VersionId"] for number in range(2)]
    gone = s3.put_object(Bucket=bucket, Key="a", Body=b"gone")["VersionId"]
    s3.delete_object(Bucket=bucket, Key="a", VersionId=gone)
    s3.delete_object(Bucket=bucket, Key="a")
    upload(s3, bucket, "c", [b"p" * 5 * MB, b"q"])
    s3.put_object(Bucket=plain, Key="x/é +", Body=b"old")
    s3.put_object(Bucket=plain, Key="x/é +", Body=b"new", ContentType="text/csv", Metadata={"run_id": "7"})
    before = [listing(s3, each) for each in (bucket, plain)]
    own_cloud.stop(kill=True)
    own_cloud.start()
    s3 = own_cloud.client("s3")
    assert before == [listing(s3, each) for each in (bucket, plain)]
    assert [b"0", b"1"] == [body(s3, bucket, "a", VersionId=each) for each in ids]
    assert b"p" * 5 * MB + b"q" == body(s3, bucket, "c")
    found = s3.get_object(Bucket=plain, Key="x/é +")
    with found["Body"] as stream:
        assert (b"new", "text/csv", {"run_id": "7"}) == (stream.read(), found["ContentType"], found["Metadata"])
    assert "Enabled" == s3.get_bucket_versioning(Bucket=bucket)["Status"]


def listing(s3, bucket: str) -> list[tuple[Any, ...]]:
    found = s3.list_object_versions(Bucket=bucket)
    versions = [(v["Key"], v["VersionId"], v["ETag"], v["Size"], v["LastModified"]) for v in found.get("Versions", [])]
    return versions + [(m["Key"], m["VersionId"], m["LastModified"]) for m in found.get("DeleteMarkers", [])]


def test_a_bucket_still_announces_after_a_restart_and_what_came_back_is_not_announced(own_cloud):
    wire = Wire(own_cloud, {})
    wire.put("before")
    own_cloud.stop()
    own_cloud.start()
    again = Wire(own_cloud, {}, bucket=wire.bucket)
    again.put("after")
    assert [("PutObject", "after")] == told(again.until("after"))


def test_what_a_crash_left_unfinished_is_swept(own_cloud):
    s3, bucket = own_cloud.client("s3"), own_cloud.bucket()
    s3.put_object(Bucket=bucket, Key="a", Body=b"whole")
    where = {"Bucket": bucket, "Key": "b"}
    s3.upload_part(**where, UploadId=s3.create_multipart_upload(**where)["UploadId"], PartNumber=1, Body=b"part")
    own_cloud.stop(kill=True)
    (own_cloud.disk / "contents" / "torn").write_bytes(b"to")
    (own_cloud.disk / "buckets" / bucket / "99999999999999999999.part").write_bytes(b'{"key": "to')
    own_cloud.start()
    assert [b"whole"] == [path.read_bytes() for path in (own_cloud.disk / "contents").iterdir()]
    assert [] == list((own_cloud.disk / "buckets" / bucket).glob("*.part"))
    assert ["a"] == [each["Key"] for each in own_cloud.client("s3").list_objects_v2(Bucket=bucket)["Contents"]]


def test_memory_does_not_grow_with_the_object(own_cloud, tmp_path):
    s3, bucket, path = own_cloud.client("s3"), own_cloud.bucket(), tmp_path / "large"
    with path.open("wb") as stream:
        stream.truncate(128 * MB)
    s3.put_object(Bucket=bucket, Key="warm", Body=b"x")
    before = own_cloud.process.memory_info().rss
    with path.open("rb") as stream:
        s3.put_object(Bucket=bucket, Key="put", Body=stream)
    s3.upload_file(str(path), bucket, "parts")
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "parts"})
    for key in ("put", "parts", "copy"):
        stream = s3.get_object(Bucket=bucket, Key=key)["Body"]
        assert 128 * MB == sum(len(block) for block in stream.iter_chunks(MB))
        stream.close()
    with open(f"/proc/{own_cloud.process.pid}/status") as lines:  # noqa: PTH123
        highest = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024
    assert highest - before < 64 * MB


def test_listing_while_others_put_and_delete_never_fails(cloud):
    bucket, s3 = cloud.bucket(), cloud.client("s3")

    def churn(number: int) -> int:
        for turn in range(15):
            s3.put_object(Bucket=bucket, Key=f"{number}/{turn}", Body=b"x")
            s3.list_objects_v2(Bucket=bucket, Prefix=f"{number}/")
            s3.delete_object(Bucket=bucket, Key=f"{number}/{turn}")
        return s3.list_objects_v2(Bucket=bucket, Prefix=f"{number}/")["KeyCount"]

    with ThreadPoolExecutor(6) as pool:
        assert [0] * 6 == list(pool.map(churn, range(6)))


@pytest.mark.parametrize("key", ["a\nb", "\n", "d\n/\n.csv", "a\r\nb", "a\x01b", "a b+%2B&é*?"])
def test_a_key_is_any_text(cloud, key):
    s3, bucket = cloud.client("s3"), cloud.bucket(versioned=True)
    s3.put_object(Bucket=bucket, Key=key, Body=BODY)
    assert BODY == body(s3, bucket, key)
    assert [key] == [each["Key"] for each in s3.list_object_versions(Bucket=bucket, Prefix=key)["Versions"]]
    assert [key] == [each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix=key)["Contents"]]
    s3.delete_object(Bucket=bucket, Key=key)
    assert [key] == [each["Key"] for each in s3.list_object_versions(Bucket=bucket)["DeleteMarkers"]]
