"""The Step Functions state machine that carries runs out."""

import json

from botocore.exceptions import ClientError

from chalicelib.aws.client import client, code_of, translated


class StateMachine:
    """See ``ports.Machine``. An execution's name is its run's id, so a second start finds the first."""

    def __init__(self, arn: str) -> None:
        self._arn = arn

    def start(self, run_id: str) -> bool:
        """Start the run's execution, unless it is under way; False when it was, and has ended.

        Step Functions answers a second start with the same name and input like the first for as long as the
        execution runs, and refuses it for 90 days after that.
        """
        with translated("the state machine"):
            try:
                client("stepfunctions").start_execution(
                    stateMachineArn=self._arn, name=run_id, input=json.dumps({"run_id": run_id})
                )
            except ClientError as error:
                if code_of(error) != "ExecutionAlreadyExists":
                    raise
                return False
        return True
