"""The database: RDS PostgreSQL in the private subnets, entered with IAM tokens by those who need it."""

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_rds as rds
from constructs import Construct

from infra.network import Network

NAME = "etlplus"
#: The user of the Lambdas. An administrator makes it once, with rds_iam and CREATE on the database.
USER = "etl"
PORT = 5432
BACKUP_DAYS = 7
#: What it begins with and what it may grow to.
DISK_GB, MOST_DISK_GB = 20, 100


class Database(Construct):
    """The smallest that is sane: encrypted, private, with backups, protected from deletion."""

    def __init__(self, scope: Construct, network: Network) -> None:
        super().__init__(scope, "database")
        self.instance = rds.DatabaseInstance(
            self,
            "postgres",
            engine=rds.DatabaseInstanceEngine.postgres(version=rds.PostgresEngineVersion.VER_18_3),
            instance_type=ec2.InstanceType.of(ec2.InstanceClass.T4G, ec2.InstanceSize.MICRO),
            vpc=network.vpc,
            vpc_subnets=network.private,
            database_name=NAME,
            credentials=rds.Credentials.from_generated_secret("postgres"),
            iam_authentication=True,
            storage_encrypted=True,
            storage_type=rds.StorageType.GP3,
            allocated_storage=DISK_GB,
            max_allocated_storage=MOST_DISK_GB,
            publicly_accessible=False,
            deletion_protection=True,
            backup_retention=cdk.Duration.days(BACKUP_DAYS),
            removal_policy=cdk.RemovalPolicy.SNAPSHOT,
            parameters={"rds.force_ssl": "1"},
        )
        self.instance.connections.allow_from(network.inside, ec2.Port.tcp(PORT), "Lambdas inside the VPC")
        host = self.instance.db_instance_endpoint_address
        self.url = f"postgresql://{USER}@{host}:{PORT}/{NAME}?sslmode=verify-full&sslrootcert=/var/task/rds.pem"
        stack = cdk.Stack.of(self)
        self.user_arn = stack.format_arn(
            service="rds-db",
            resource="dbuser",
            resource_name=f"{self.instance.instance_resource_id}/{USER}",
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )
