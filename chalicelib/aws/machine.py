"""The Step Functions state machine that carries runs out."""

import json

from botocore.exceptions import ClientError

from chalicelib.aws.client import client, code_of, translated


class StateMachine:
    """See ``ports.Machine``. An execution's name is its run's id, so a second start finds the first."""

    def __init__(self, arn: str) -> None:
        self._arn = arn

    def start(self, run_id: str) -> None:
        """Start the run's execution, unless that was done."""
        with translated("the state machine"):
            try:
                client("stepfunctions").start_execution(
                    stateMachineArn=self._arn, name=run_id, input=json.dumps({"run_id": run_id})
                )
            except ClientError as error:
                if code_of(error) != "ExecutionAlreadyExists":
                    raise
