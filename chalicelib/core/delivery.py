"""A delivery: one message of the queue, which says that an object is there or that a run was asked for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ObjectId:
    """One version of one S3 object. ``version`` is S3's versionId, or ``etag:...`` where versioning is off."""

    bucket: str
    key: str
    version: str

    @property
    def uri(self) -> str:
        """Where the object lives, for people."""
        return f"s3://{self.bucket}/{self.key}"

    @property
    def found(self) -> str:
        """The delivery of an object that the sweep found, for want of a message."""
        return f"sweep/{self.uri}@{self.version}"


@dataclass(frozen=True, slots=True)
class ObjectCreated:
    """An object version came to be. ``delivery`` names the message: one that comes again has the same."""

    delivery: str
    object: ObjectId
    size_bytes: int


@dataclass(frozen=True, slots=True)
class RunRequested:
    """Somebody asked for a run, which is queued already."""

    delivery: str
    run_id: str


Delivery = ObjectCreated | RunRequested
