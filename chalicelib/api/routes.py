"""The routes of version 1."""

import re
from typing import Annotated, Any

from pydantic import Field

from chalicelib.api.problem import Problem, no_database
from chalicelib.api.route import Answer, Api, Call, Query
from chalicelib.core.document import parse_pipeline
from chalicelib.core.errors import EtlError, NotFound
from chalicelib.core.pipeline import S3Source
from chalicelib.core.run import iso
from chalicelib.store.pipelines import Applied

LIMIT = 200
api = Api()

_NAME = re.compile(r"^[a-z0-9][a-z0-9_-]{0,62}$")
_RUN_ID = re.compile(r"[0-9a-f][0-9a-f-]{3,35}|last")
Limit = Annotated[int, Field(ge=1, le=LIMIT)]


class RunsQuery(Query):
    """Which runs."""

    pipeline: Annotated[str, Field(pattern=_NAME.pattern)] | None = None
    limit: Limit = 20


class RejectsQuery(Query):
    """Which rejects of a run."""

    limit: Limit = 50
    offset: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0


class RulesQuery(Query):
    """Which rule, in how many runs."""

    rule: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    limit: Limit = 20


@api.route("GET", "/v1/health/live", access="open")
def live(_call: Call) -> dict[str, str]:
    """The function answers; nothing else is asked."""
    return {"status": "pass"}


@api.route("GET", "/v1/health/ready", access="open")
def ready(call: Call) -> dict[str, str]:
    """The database answers, too."""
    try:
        call.services.check()
    except EtlError:
        raise no_database() from None
    return {"status": "pass"}


@api.route("PUT", "/v1/pipelines/{name}", access="admin", takes=("application/json", "application/yaml"))
def apply(call: Call) -> dict[str, Any]:
    """Put a pipeline document in force: a new version, or the one that says the same already; and what is doubtful."""
    pipeline = parse_pipeline(call.text, name="the document")
    if pipeline.name != call.path["name"]:
        raise Problem(
            422, "invalid_pipeline", f"the document's name is {pipeline.name}, the path's {call.path['name']}"
        )
    if not isinstance(pipeline.source, S3Source):
        told = "a file source is read by `etlplus load`, in one process; the cloud reads s3 sources"
        raise Problem(422, "invalid_pipeline", told)
    warnings = call.services.doubts(pipeline)
    return {**_told(call.services.pipelines.apply(pipeline)), "warnings": warnings}


@api.route("GET", "/v1/pipelines", access="admin")
def pipelines(call: Call) -> dict[str, Any]:
    """The pipelines in force, by name."""
    return {"items": [_told(each) for each in call.services.pipelines.all()]}


@api.route("GET", "/v1/pipelines/{name}", access="admin")
def pipeline(call: Call) -> dict[str, Any]:
    """One pipeline."""
    return _told(call.services.pipelines.current(_name(call)))


@api.route("POST", "/v1/pipelines/{name}/runs", access="admin")
def start(call: Call) -> Answer:
    """Queue a run of all that the pipeline's source finds and no run has loaded."""
    run = call.services.start(_name(call))
    return Answer(run.to_json(), status=202, headers={"Location": f"/v1/runs/{run.run_id}"})


@api.route("GET", "/v1/pipelines/{name}/rules", access="admin", query=RulesQuery)
def rules(call: Call) -> dict[str, Any]:
    """How many records broke each rule in the newest runs, or one rule."""
    found = call.services.runs.rule_counts(_name(call), rule=call.query.rule, limit=call.query.limit)
    return {"items": [each.to_json() for each in found]}


@api.route("GET", "/v1/runs", access="admin", query=RunsQuery)
def runs(call: Call) -> dict[str, Any]:
    """The newest runs."""
    found = call.services.runs.newest(pipeline=call.query.pipeline, limit=call.query.limit)
    return {"items": [run.to_json() for run in found]}


@api.route("GET", "/v1/runs/{run_id}", access="admin")
def run(call: Call) -> dict[str, Any]:
    """One run, why it rejected records, and what happened when."""
    log = call.services.runs
    found = log.find(_run_id(call))
    events = [{"at": iso(at), "action": action, "message": told} for at, action, told in log.events(found.run_id)]
    return {**found.to_json(), "rejected_by": log.rejects_by_reason(found.run_id), "events": events}


@api.route("GET", "/v1/runs/{run_id}/rejects", access="admin", query=RejectsQuery)
def rejects(call: Call) -> dict[str, Any]:
    """The records that a run rejected, with their bytes and all their reasons."""
    log = call.services.runs
    found = log.find(_run_id(call))
    listed = log.rejects(found.run_id, limit=call.query.limit, offset=call.query.offset)
    return {"items": [each.to_json() for each in listed]}


def _name(call: Call) -> str:
    if not _NAME.fullmatch(call.path["name"]):
        raise NotFound("there is no such pipeline; its name has lower case letters, digits, - and _")
    return call.path["name"]


def _run_id(call: Call) -> str:
    text = call.path["run_id"]
    if not _RUN_ID.fullmatch(text):
        raise NotFound("there is no such run; a run's id, or its first four or more characters, is expected")
    return text


def _told(applied: Applied) -> dict[str, Any]:
    return {
        "name": applied.pipeline.name,
        "version": applied.number,
        "digest": applied.digest,
        "created_at": iso(applied.created_at),
        "applied_at": iso(applied.applied_at),
        "document": applied.pipeline.plain(),
    }
