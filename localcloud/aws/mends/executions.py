"""Mends of Step Functions.

1. Executions are carried out (moto: only when it is configured so).
2. An execution that is started without a name gets one (moto: its ARN ends in ``None``).
3. A distributed Map fails with its first failed child when no failures are tolerated, and begins no further child
   (moto: it succeeds, with null for that child).
4. A worker of a distributed Map takes its items in a loop (moto: it calls itself for each, and fails near 900).
5. A stopped execution is ABORTED at once (moto: when its Lambda has returned).
6. An execution has its output, or its error, before its last status (moto: after it, so who asks in between gets none).
7. The interpreter has one client a service (moto: one a state; and making them at the same time is not safe).
"""

import sys
import threading
import time
import uuid
from datetime import datetime
from typing import Any

import boto3
from botocore.config import Config
from moto.core.config import default_user_config
from moto.settings import moto_server_port
from moto.stepfunctions.parser.api import ExecutionStatus, HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import TimeoutSeconds
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.itemprocessor import (
    distributed_item_processor_worker as map_worker,
)
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded, ProgramError
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication, Execution
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

_EXCEEDED = StatesErrorNameType.StatesExceedToleratedFailureThreshold
_CAUSE = "The specified tolerated failure threshold was exceeded"
_START_TRIES, _START_TRY_S = 500, 0.002

_start = StepFunctionsParserBackend.start_execution
_stop = Execution.stop
_terminated = BaseExecutionWorkerCommunication.terminated
_child = map_worker.DistributedItemProcessorWorker._eval_job  # noqa: SLF001 - moto has no other place for it
_clients: dict[tuple[str, str], Any] = {}
_clients_lock = threading.Lock()


def apply() -> None:
    """Apply the mends of this module."""
    default_user_config["stepfunctions"]["execute_state_machine"] = True
    StepFunctionsParserBackend.start_execution = _start_named
    Execution.stop = _stop_at_once
    BaseExecutionWorkerCommunication.terminated = terminated
    map_worker.DistributedItemProcessorWorker._eval_job = _child_or_failure  # noqa: SLF001
    map_worker.DistributedItemProcessorWorker._eval_pool = _children  # noqa: SLF001
    for name, module in list(sys.modules.items()):
        if name.startswith("moto.stepfunctions.") and hasattr(module, "boto_client_for"):
            module.boto_client_for = _client_for  # type: ignore[attr-defined]


def _start_named(
    self: Any,
    state_machine_arn: str,
    name: str | None = None,
    execution_input: str | None = None,
    trace_header: str | None = None,
) -> Any:
    return _start(self, state_machine_arn, name or str(uuid.uuid4()), execution_input, trace_header)


def _stop_at_once(self: Any, stop_date: datetime, error: str | None, cause: str | None) -> None:
    if self.exec_status != ExecutionStatus.RUNNING:
        return
    for _ in range(_START_TRIES):  # its thread may still be reading the definition
        if self.exec_worker.env is not None:
            break
        time.sleep(_START_TRY_S)
    _stop(self, stop_date, error, cause)
    self.exec_status, self.stop_date = ExecutionStatus.ABORTED, stop_date


def terminated(self: Any) -> None:
    """Set what an execution came to, then its status."""
    execution, state = self.execution, self.execution.exec_worker.env.program_state()
    if isinstance(state, ProgramEnded):
        execution.output = execution.exec_worker.env.states.get_input()
    elif isinstance(state, ProgramError):
        execution.error, execution.cause = state.error.get("error"), state.error.get("cause")
    _terminated(self)


def _child_or_failure(self: Any, env: Any, job: Any) -> None:
    _child(self, env, job)
    record = self._map_run_record
    tolerates = record.tolerated_failure_count or record.tolerated_failure_percentage
    if isinstance(env.program_state(), ProgramEnded) or tolerates:
        return
    details = EventDetails(mapRunFailedEventDetails={"error": _EXCEEDED.to_name(), "cause": _CAUSE})
    event = FailureEvent(env, StatesErrorName(_EXCEEDED), HistoryEventType.MapRunFailed, details)
    job.job_output = FailureEventException(event)


def _children(self: Any, job: Any, worker_frame: Any) -> None:
    while job is not None:
        frame = worker_frame.open_inner_frame()
        self._eval_job(env=frame, job=job)
        worker_frame.delete_frame(frame)
        is_over = isinstance(job.job_output, Exception) or self.stopped()
        following = None if is_over else self._job_pool.next_job()
        if following is None:  # before the last child is closed: the Map goes on when all are
            self._env.delete_frame(worker_frame)
        self._job_pool.close_job(job)
        job = following


def _client_for(region: str, service: str, state_credentials: Any = None) -> Any:  # noqa: ARG001 - moto's signature
    with _clients_lock:
        if (region, service) not in _clients:
            _clients[region, service] = boto3.session.Session("local", "local", region_name=region).client(
                service,
                endpoint_url=f"http://127.0.0.1:{moto_server_port()}",
                config=Config(
                    parameter_validation=False,
                    retries={"total_max_attempts": 1},
                    connect_timeout=TimeoutSeconds.DEFAULT_TIMEOUT_SECONDS,
                    read_timeout=TimeoutSeconds.DEFAULT_TIMEOUT_SECONDS,
                    max_pool_connections=64,
                ),
            )
        return _clients[region, service]
