"""The second argument of every handler."""

import time
from dataclasses import dataclass

from localcloud.lambdas.function import Lambda


@dataclass(frozen=True, slots=True)
class Context:
    """What AWS tells a handler about the invocation, under AWS's names."""

    function_name: str
    invoked_function_arn: str
    memory_limit_in_mb: str  #: text, as in AWS
    aws_request_id: str
    log_group_name: str
    log_stream_name: str
    deadline: float  #: on the monotonic clock
    function_version: str = "$LATEST"
    client_context: None = None
    identity: None = None

    @classmethod
    def of(cls, function: Lambda, request_id: str, log_stream: str) -> "Context":
        """Return the context of an invocation that begins now."""
        return cls(
            function_name=function.name,
            invoked_function_arn=function.arn,
            memory_limit_in_mb=str(function.memory_mb),
            aws_request_id=request_id,
            log_group_name=f"/aws/lambda/{function.name}",
            log_stream_name=log_stream,
            deadline=time.monotonic() + function.timeout_s,
        )

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds left until the process is killed."""
        return max(0, int((self.deadline - time.monotonic()) * 1000))
