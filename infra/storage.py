"""The buckets: landing, where objects arrive, and work, where runs keep what their stages hand each other."""

import aws_cdk as cdk
from aws_cdk import aws_s3 as s3
from constructs import Construct

KEEP_RUNS_DAYS = 14


class Storage(Construct):
    """Private, encrypted, over TLS only, kept when the stack goes. Landing keeps versions and announces objects."""

    def __init__(self, scope: Construct) -> None:
        super().__init__(scope, "storage")
        abort = cdk.Duration.days(2)
        self.landing = self._bucket("landing", versioned=True, rules=[_rule(abort)])
        self.work = self._bucket("work", versioned=False, rules=[_rule(abort, expires_days=KEEP_RUNS_DAYS)])
        announcing = self.landing.node.default_child
        assert isinstance(announcing, s3.CfnBucket)  # noqa: S101 - an L2 bucket is made of one
        announcing.add_property_override(
            "NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled", value=True
        )
        cdk.CfnOutput(self, "landing-bucket", value=self.landing.bucket_name, description="Drop objects here")

    def _bucket(self, name: str, *, versioned: bool, rules: list[s3.LifecycleRule]) -> s3.Bucket:
        return s3.Bucket(
            self,
            name,
            versioned=versioned,
            lifecycle_rules=rules,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )


def _rule(abort: cdk.Duration, *, expires_days: int | None = None) -> s3.LifecycleRule:
    if expires_days is None:
        return s3.LifecycleRule(abort_incomplete_multipart_upload_after=abort)
    return s3.LifecycleRule(
        abort_incomplete_multipart_upload_after=abort, prefix="runs/", expiration=cdk.Duration.days(expires_days)
    )
