"""Clients of AWS: one a service and process, with short time-outs, their errors as ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.core.errors import NotFound, Refused, Unreachable

_CONFIG = Config(
    connect_timeout=2,
    read_timeout=60,
    retries={"mode": "standard", "max_attempts": 4},
    s3={"addressing_style": "path"},
)
#: HTTP status codes that say: not now.
_PASSING = (408, 429, 500, 502, 503, 504)


@cache
def client(service: str) -> Any:
    """The process's client of ``service``; where it speaks to is the environment's and botocore's matter."""
    return boto3.client(service, config=_CONFIG)


@contextmanager
def translated(subject: str) -> Iterator[None]:
    """Turn what botocore raises within the block into our errors, about ``subject``.

    Raises:
        Unreachable: if the service does not answer, or says that waiting helps.
        NotFound: if what is named is not there.
        Refused: for everything else, with the service's own words.
    """
    try:
        yield
    except ClientError as error:
        raise _translation(subject, error) from error
    except BotoCoreError as error:
        raise Unreachable(f"{subject}: {error}") from error


def code_of(error: ClientError) -> str:
    """The service's word for an error, such as ``NoSuchKey``."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _translation(subject: str, error: ClientError) -> Exception:
    code = code_of(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    told = error.response.get("Error", {}).get("Message", code)
    if status in _PASSING or "Throttl" in code or code in ("SlowDown", "RequestTimeout"):
        return Unreachable(f"{subject}: {code}: {told}")
    if status == 404 or code.startswith("NoSuch"):
        return NotFound(f"{subject} does not exist")
    return Refused(f"{subject}: {code}: {told}")
