"""The stack: storage, network, database, Lambdas, queue and state machine, and who may do what with whom.

Inside the VPC stand the Lambdas that speak to PostgreSQL; extract, transform and notify stand outside. There is no NAT
gateway and no interface endpoint. It was synthesised and never deployed: that the services' dual-stack endpoints serve
the Lambdas inside is what AWS's documents say.
"""

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambdas
from constructs import Construct

from chalicelib.settings import EXTRACT_RESERVE_S, PATIENCE_S
from infra import machine
from infra.api import Api
from infra.database import Database
from infra.functions import FUNCTIONS
from infra.journey import Journey
from infra.lambdas import Lambdas
from infra.network import Network
from infra.queue import Queue
from infra.rights import grant
from infra.storage import Storage

#: The most batches of one run that are worked on at once.
MAX_WORKERS = 50


class Etlplus(cdk.Stack):
    """All of it, in one stack."""

    def __init__(self, scope: Construct, name: str) -> None:
        super().__init__(scope, name, description="ETL Plus: files into correct PostgreSQL tables")
        network, storage, queue = Network(self), Storage(self), Queue(self)
        database = Database(self, network)
        journey_arn = self.format_arn(
            service="states",
            resource="stateMachine",
            resource_name=machine.NAME,
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )
        values = {
            "WORK_BUCKET": storage.work.bucket_name,
            "QUEUE_URL": queue.queue.queue_url,
            "STATE_MACHINE_ARN": journey_arn,
            "DATABASE_URL": database.url,
            "DATABASE_AUTH": "iam",
            "DATABASE_PATIENCE_S": str(PATIENCE_S),
            "MAX_WORKERS": str(MAX_WORKERS),
            "EXTRACT_RESERVE_S": str(EXTRACT_RESERVE_S),
        }
        made: dict[str, lambdas.Function] = Lambdas(self, FUNCTIONS, values, network).functions
        grant(made, storage=storage, queue=queue, database=database, journey_arn=journey_arn)
        queue.feed(made["intake"], storage.landing)
        queue.sweep(made["sweep"])
        Journey(self, made, storage.work)
        Api(self, made["api"])
