"""The Step Functions state machine that carries runs out."""

import json

from botocore.exceptions import ClientError

from chalicelib.aws.client import client, code_of, translated

#: A run whose execution ended without recording it gets so many more, one after another.
RESTARTS = 3


class StateMachine:
    """See ``ports.Machine``. An execution's name is its run's id, so a second start finds the first.

    Step Functions answers a second start with the same name and input like the first for as long as the execution
    runs, and refuses it for 90 days after that: the executions that follow have names with a number, ``<run id>-2``.
    """

    def __init__(self, arn: str) -> None:
        self._arn = arn

    def start(self, run_id: str) -> bool:
        """Start the run's execution, unless it is under way; False when it was, and has ended."""
        return self._is_started(run_id, run_id)

    def resume(self, run_id: str) -> bool:
        """Start the run's execution, or the one that follows those that have ended; False when the last has."""
        names = (run_id, *(f"{run_id}-{number}" for number in range(2, RESTARTS + 2)))
        return any(self._is_started(name, run_id) for name in names)

    def _is_started(self, name: str, run_id: str) -> bool:
        with translated("the state machine"):
            try:
                client("stepfunctions").start_execution(
                    stateMachineArn=self._arn, name=name, input=json.dumps({"run_id": run_id})
                )
            except ClientError as error:
                if code_of(error) != "ExecutionAlreadyExists":
                    raise
                return False
        return True
