"""What a person does with the laptop's AWS: put an object, invoke a function."""

import json
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError

from chalicelib.core.errors import NotFound, Refused, Unreachable
from infra.functions import FUNCTIONS
from localcloud.cloud.resources import clients


def put_object(endpoint: str, file: Path, bucket: str, key: str, *, once: bool) -> str | None:
    """Put a file into a bucket and return its version; None when ``once`` and there was an object already.

    Raises:
        NotFound: if there is no such bucket.
    """
    s3 = clients(endpoint)("s3")
    extra = {"IfNoneMatch": "*"} if once else {}
    try:
        with file.open("rb") as body:
            done = s3.put_object(Bucket=bucket, Key=key, Body=body, **extra)
    except EndpointConnectionError as error:
        raise Unreachable(f"the local cloud does not answer at {endpoint}") from error
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "PreconditionFailed":
            return None
        if code == "NoSuchBucket":
            raise NotFound(f"there is no bucket {bucket}; the local cloud has the bucket landing") from error
        raise Refused(f"s3://{bucket}/{key}: {code}") from error
    return str(done.get("VersionId"))


def invoke_function(endpoint: str, name: str, payload: bytes) -> Any:
    """What a function answers to ``payload``, an error of its own included.

    Raises:
        NotFound: if there is no such function.
    """
    names = [function.name for function in FUNCTIONS]
    if name not in names:
        near = get_close_matches(name, names, n=1)
        raise NotFound(f"there is no function {name}; " + (f"did you mean {near[0]}?" if near else ", ".join(names)))
    answer = clients(endpoint)("lambda").invoke(FunctionName=name, Payload=payload)
    return json.loads(answer["Payload"].read())
