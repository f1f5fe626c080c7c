"""The server: where it listens, what it refuses, and bodies that it reads itself."""

import http.client
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

HEAD = "AWS4-HMAC-SHA256 Credential=local/20261124/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=0"


def python(text: str, folder: Path) -> str:
    """What a process of its own says: the mends are for a whole process."""
    invoke = "def invoke(name, payload):\n    return payload, False\n"
    start = f"from pathlib import Path\nfrom localcloud.aws.server import AwsServer\nfolder = Path({str(folder)!r})\n"
    command = [sys.executable, "-P", "-c", start + invoke + text]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def test_a_port_that_is_taken_is_replaced_by_a_free_one(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        text = f"server = AwsServer(port={port}, disk=folder, invoke=invoke)\nserver.start()\nprint(server.endpoint)\n"
        endpoint = urlsplit(python(text + "server.stop()", tmp_path))
    assert "127.0.0.1" == endpoint.hostname
    assert endpoint.port not in {None, 0, port}


def test_a_wished_port_that_is_free_is_taken(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    text = f"server = AwsServer(port={port}, disk=folder, invoke=invoke)\nserver.start()\nprint(server.endpoint)\n"
    assert f"http://127.0.0.1:{port}" == python(text + "server.stop()", tmp_path)


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("import localcloud.aws.mends as mends\nmends.MOTO_VERSION = '0'\n", "install that version"),
        ("AwsServer(port=None, disk=folder, invoke=invoke)\n", "one server a process"),
    ],
)
def test_another_moto_and_a_second_server_are_refused(tmp_path, before, expected):
    refused = "except Exception as error:\n    print(type(error).__name__, error)"
    text = f"try:\n    AwsServer(port=None, disk=folder, invoke=invoke)\n{refused}"
    said = python(before + text, tmp_path)
    assert said.startswith("Refused ")
    assert said.endswith(expected)


def test_it_listens_on_loopback_only(cloud):
    listening = [each.laddr.ip for each in cloud.process.net_connections("tcp") if each.status == "LISTEN"]
    assert ["127.0.0.1"] == listening


def put(cloud, path: str, body: bytes, length: int, **headers: str) -> int:
    """Put these bytes, whatever the headers say of them."""
    connection = http.client.HTTPConnection(urlsplit(cloud.endpoint).netloc, timeout=10)
    connection.putrequest("PUT", path)
    for name, value in {"Authorization": HEAD, "Content-Length": str(length), **headers}.items():
        connection.putheader(name, value)
    connection.endheaders(body)
    connection.sock.shutdown(socket.SHUT_WR)
    with connection.getresponse() as answer:
        answer.read()
        status = answer.status
    connection.close()
    return status


@pytest.mark.parametrize("path", ["/..", "/.", "/%2e%2e", "/no-such-bucket"])
def test_removing_what_is_no_bucket_removes_nothing(cloud, path):
    bucket = cloud.bucket()
    cloud.client("s3").put_object(Bucket=bucket, Key="a", Body=b"stays")
    before = sorted(cloud.disk.rglob("*"))
    connection = http.client.HTTPConnection(urlsplit(cloud.endpoint).netloc, timeout=10)
    connection.request("DELETE", path, headers={"Authorization": HEAD})
    with connection.getresponse() as answer:
        assert 404 == answer.status
        answer.read()
    connection.close()
    assert before == sorted(cloud.disk.rglob("*"))


def test_a_body_that_ends_early_makes_no_object(cloud):
    bucket = cloud.bucket()
    assert 400 == put(cloud, f"/{bucket}/short", b"12345", 10)
    assert 0 == cloud.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"]


@pytest.mark.parametrize("signature", ["", ";chunk-signature=0"])
def test_a_body_in_signed_or_unsigned_pieces_is_put_together(cloud, signature):
    bucket, s = cloud.bucket(), signature.encode()
    body = b"5%b\r\n12345\r\n3%b\r\n678\r\n0%b\r\nx-amz-checksum-crc32:muDarw==\r\n\r\n" % (s, s, s)
    headers = {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": "8",
        "x-amz-sdk-checksum-algorithm": "CRC32",
        "Content-Encoding": "aws-chunked",
    }
    assert 200 == put(cloud, f"/{bucket}/pieces", body, len(body), **headers)
    answer = cloud.client("s3").get_object(Bucket=bucket, Key="pieces", ChecksumMode="ENABLED")
    assert ("muDarw==", b"12345678") == (answer["ChecksumCRC32"], answer["Body"].read())
    answer["Body"].close()


def test_pieces_that_are_not_all_there_make_no_object(cloud):
    bucket = cloud.bucket()
    headers = {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-decoded-content-length": "9"}
    assert 400 == put(cloud, f"/{bucket}/pieces", b"5\r\n12345\r\n0\r\n\r\n", 15, **headers)
    assert 0 == cloud.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"]
