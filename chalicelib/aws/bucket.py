"""A bucket: whether it is there."""

from chalicelib.aws.client import client, translated
from chalicelib.core.errors import EtlError, NotFound


def is_missing(name: str) -> bool:
    """Whether there is no such bucket for certain; False, too, where S3 does not say, as to who may not list it."""
    try:
        with translated(f"bucket {name}"):
            client("s3").head_bucket(Bucket=name)
    except NotFound:
        return True
    except EtlError:
        return False
    return False
