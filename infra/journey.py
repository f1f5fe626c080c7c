"""The state machine: the bytes of ``journey.asl.json``, with the functions' ARNs put in."""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambdas
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as states
from constructs import Construct

from infra import machine
from infra.rights import START_RUNS

#: The digest of the definition before substitution is an output, so that both sides can be compared.
DIGEST = "JourneyDigest"
#: How a Map's children follow the machine's name: as CDK's own grant for Maps has it, and as their ARNs are.
CHILDREN = (":*", "/*")
_NOT_STAGES = ("api", *START_RUNS)


class Journey(Construct):
    """The machine may invoke the stages' functions, read its own items, and start its own children."""

    def __init__(self, scope: Construct, functions: Mapping[str, lambdas.Function], work: s3.Bucket) -> None:
        super().__init__(scope, "journey")
        arns = {name: function.function_arn for name, function in functions.items() if name not in _NOT_STAGES}
        log = logs.LogGroup(
            self, "log", retention=logs.RetentionDays.ONE_MONTH, removal_policy=cdk.RemovalPolicy.DESTROY
        )
        self.machine = states.StateMachine(
            self,
            "machine",
            state_machine_name=machine.NAME,
            state_machine_type=states.StateMachineType.STANDARD,
            definition_body=states.DefinitionBody.from_string(machine.definition(arns, work.bucket_name)),
            logs=states.LogOptions(destination=log, level=states.LogLevel.ERROR, include_execution_data=False),
            tracing_enabled=True,
        )
        own = cdk.Stack.of(self).format_arn(
            service="states",
            resource="stateMachine",
            resource_name=machine.NAME,
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )
        children = [own.replace(":stateMachine:", ":execution:") + anything for anything in CHILDREN]
        for actions, resources in (
            (["lambda:InvokeFunction"], list(arns.values())),
            (["s3:GetObject"], [work.arn_for_objects("runs/*/items.json")]),
            (["states:StartExecution"], [own]),
            (["states:DescribeExecution", "states:StopExecution"], children),
        ):
            self.machine.add_to_role_policy(iam.PolicyStatement(actions=actions, resources=resources))
        cdk.CfnOutput(self, "digest", value=machine.digest()).override_logical_id(DIGEST)
