"""Uploads: the bodies of S3 puts go to disk as they arrive, so that no object is ever whole in memory.

moto reads a request's body as one ``bytes``. For puts of objects and of parts this application reads it first, in
blocks, and leaves in the request an ``Upload`` that the S3 mend takes; what moto then does not take is removed.
The format of ``aws-chunked`` is that of the S3 API reference, "Signature calculations: transferring payload in chunks".
"""

import io
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO
from urllib.parse import parse_qs

from werkzeug.exceptions import ClientDisconnected
from werkzeug.wsgi import get_input_stream

from localcloud.aws.content import BLOCK_BYTES, Upload
from localcloud.aws.disk import Disk

UPLOAD = "etlplus.upload"  #: where in a request's environment the upload is
Environment = dict[str, Any]
Application = Callable[[Environment, Any], Iterable[bytes]]
_IS_KEY = re.compile(r"/[^/]+/.+", re.DOTALL)
_NOT_CONTENT = frozenset(("acl", "tagging", "retention", "legal-hold"))
_INCOMPLETE = b"<Error><Code>IncompleteBody</Code><Message>The body is shorter than it says.</Message></Error>"


class IncompleteBodyError(Exception):
    """The connection ended before the body did."""


class Uploads:
    """A WSGI application before moto's."""

    def __init__(self, application: Application, disk: Disk) -> None:
        self._application, self._disk = application, disk

    def __call__(self, environ: Environment, start_response: Any) -> Iterable[bytes]:
        """Answer a request."""
        if not _is_content(environ):
            return self._application(environ, start_response)
        try:
            upload = self._receive(environ)
        except (IncompleteBodyError, ClientDisconnected, ValueError):
            start_response("400 Bad Request", [("Content-Type", "application/xml"), ("Connection", "close")])
            return [_INCOMPLETE]
        environ.update({UPLOAD: upload, "wsgi.input": io.BytesIO(), "CONTENT_LENGTH": "0"})
        try:
            return self._application(environ, start_response)
        finally:
            upload.drop()

    def _receive(self, environ: Environment) -> Upload:
        raw: Any = get_input_stream(environ)
        stream = io.BufferedReader(raw, BLOCK_BYTES) if isinstance(raw, io.RawIOBase) else raw
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        if not environ.get("HTTP_X_AMZ_CONTENT_SHA256", "").startswith("STREAMING-"):
            return self._disk.receive(_blocks(stream, int(environ.get("CONTENT_LENGTH") or -1)))
        environ["HTTP_X_AMZ_CONTENT_SHA256"] = "UNSIGNED-PAYLOAD"
        upload = self._disk.receive(_decoded(stream, environ))
        if len(upload) != int(environ.get("HTTP_X_AMZ_DECODED_CONTENT_LENGTH", len(upload))):
            upload.drop()
            raise IncompleteBodyError
        return upload


def _is_content(environ: Environment) -> bool:
    if environ["REQUEST_METHOD"] != "PUT" or "HTTP_X_AMZ_COPY_SOURCE" in environ:
        return False
    asked = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    signed = environ.get("HTTP_AUTHORIZATION", "") + "".join(asked.get("X-Amz-Credential", []))
    has_body = environ.get("CONTENT_LENGTH", "") not in {"", "0"} or "HTTP_TRANSFER_ENCODING" in environ
    is_key = _IS_KEY.fullmatch(environ["PATH_INFO"]) is not None
    return is_key and has_body and "/s3/aws4_request" in signed and not _NOT_CONTENT & asked.keys()


def _blocks(stream: BinaryIO, size: int) -> Iterator[bytes]:
    """So many bytes, or all that come when ``size`` is negative."""
    while size and (block := stream.read(min(BLOCK_BYTES, size) if size > 0 else BLOCK_BYTES)):
        size -= len(block) if size > 0 else 0
        yield block
    if size > 0:
        raise IncompleteBodyError


def _decoded(stream: BinaryIO, environ: Environment) -> Iterator[bytes]:
    """What ``aws-chunked`` wraps; the trailers become headers, as if the client had sent them first."""
    while size := int(stream.readline().partition(b";")[0], 16):
        yield from _blocks(stream, size)
        stream.readline()
    while line := stream.readline().strip():
        name, _, value = line.decode("latin-1").partition(":")
        environ["HTTP_" + name.upper().replace("-", "_")] = value.strip()
