"""The REST API: the application's own routes before its one Lambda."""

import aws_cdk as cdk
from aws_cdk import aws_apigateway as gateway
from aws_cdk import aws_lambda as lambdas
from aws_cdk import aws_logs as logs
from constructs import Construct

from chalicelib.api import api as routes

#: Requests a second, and at once, beyond which API Gateway answers 429.
RATE, BURST = 50, 100


class Api(Construct):
    """One resource a path, for Chalice finds its route by the resource; tokens are checked by the application."""

    def __init__(self, scope: Construct, function: lambdas.Function) -> None:
        super().__init__(scope, "api")
        log = logs.LogGroup(
            self, "log", retention=logs.RetentionDays.ONE_MONTH, removal_policy=cdk.RemovalPolicy.DESTROY
        )
        self.rest = gateway.RestApi(
            self,
            "rest",
            rest_api_name="etlplus",
            endpoint_types=[gateway.EndpointType.REGIONAL],
            cloud_watch_role=True,  # without the account's role for logs, a stage with access logs is refused
            deploy_options=gateway.StageOptions(
                stage_name="live",
                throttling_rate_limit=RATE,
                throttling_burst_limit=BURST,
                tracing_enabled=True,
                access_log_destination=gateway.LogGroupLogDestination(log),
                access_log_format=gateway.AccessLogFormat.json_with_standard_fields(
                    caller=False, http_method=True, ip=True, protocol=True, request_time=True, resource_path=True,
                    response_length=True, status=True, user=False,
                ),
            ),
        )  # fmt: skip
        answers = gateway.LambdaIntegration(function, allow_test_invoke=False)
        for route in routes.routes:
            self.rest.root.resource_for_path(route.path).add_method(route.method, answers)
