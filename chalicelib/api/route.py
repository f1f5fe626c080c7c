"""A route: the one decorator that declares, authorises, validates, calls and answers. There is no other way."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from chalice import Blueprint, Chalice, Response
from pydantic import BaseModel, ConfigDict, ValidationError

from chalicelib.api.problem import MEDIA_TYPE, Problem, no_database, problem_of
from chalicelib.core.errors import EtlError
from chalicelib.core.pipeline import Pipeline
from chalicelib.core.run import Run
from chalicelib.core.words import quoted, way_out
from chalicelib.store.pipelines import PostgresPipelines
from chalicelib.store.runs import PostgresRuns
from chalicelib.store.tokens import PostgresTokens

BODY_LIMIT_BYTES = 1_000_000
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

logger = logging.getLogger(__name__)


class Services(Protocol):
    """What the routes work with."""

    @property
    def pipelines(self) -> PostgresPipelines:
        """The pipelines that were applied."""
        ...

    @property
    def runs(self) -> PostgresRuns:
        """The run log."""
        ...

    @property
    def tokens(self) -> PostgresTokens:
        """Who may come in."""
        ...

    def start(self, name: str) -> Run:
        """Queue a run of a pipeline and ask for its start."""
        ...

    def doubts(self, pipeline: Pipeline) -> list[str]:
        """What will keep runs of the pipeline from succeeding, as far as it can be seen before there is one."""
        ...

    def check(self) -> None:
        """Ask the database whether it answers."""
        ...


class Query(BaseModel):
    """The parameters of a query: what is not declared is refused, for silence would be taken for a filter."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NoQuery(Query):
    """A route without parameters."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request that may be served: its path's parameters, its query and its body."""

    services: Services
    path: Mapping[str, str]
    query: Any
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said in return, where it is more than a body with status 200."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route:
    """One declared route."""

    method: str
    path: str
    access: Literal["open", "admin"]
    query: type[Query]
    serve: Callable[[Call], Any]


class Api:
    """All routes, on a blueprint that an application takes in."""

    def __init__(self) -> None:
        self.routes: list[Route] = []
        self.blueprint = Blueprint(__name__)
        self._services: Callable[[], Services] | None = None

    def route(
        self,
        method: str,
        path: str,
        *,
        access: Literal["open", "admin"],
        query: type[Query] = NoQuery,
        takes: tuple[str, ...] = ("application/json",),
    ) -> Callable[[Callable[[Call], Any]], Callable[[Call], Any]]:
        """Declare a route; ``takes`` are the content types of its body."""

        def declare(serve: Callable[[Call], Any]) -> Callable[[Call], Any]:
            route = Route(method, path, access, query, serve)
            self.routes.append(route)
            name = f"{method.lower()}_{path}"

            def view(**parameters: str) -> Response:
                return self._served(route, parameters)

            self.blueprint.route(path, methods=[method], name=name, content_types=list(takes))(view)
            return serve

        return declare

    def install(self, app: Chalice, services: Callable[[], Services]) -> None:
        """Put the routes into an application; ``services`` is asked at each request."""
        self._services = services
        app.register_blueprint(self.blueprint)
        app.middleware("http")(_as_problems)

    def _served(self, route: Route, parameters: Mapping[str, str]) -> Response:
        request = self.blueprint.current_request
        try:
            assert self._services is not None  # noqa: S101 - install was called: the route is in an application
            services = self._services()
            if route.access == "admin":
                _authorise(services, request)
            query = _query(route.query, request.query_params or {})
            answer = route.serve(Call(services, parameters, query, _text(request.raw_body)))
        except Problem as problem:
            return _problem(problem, request)
        except EtlError as error:
            found = problem_of(error)
            if found.status >= 500:
                _log(request, str(error))
            return _problem(found, request)
        answer = answer if isinstance(answer, Answer) else Answer(answer)
        body = json.dumps(answer.body, ensure_ascii=False)
        headers = {"Content-Type": "application/json", **_HEADERS, **answer.headers}
        return Response(body, headers=headers, status_code=answer.status)


def _authorise(services: Services, request: Any) -> None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    try:
        is_known = scheme.lower() == "bearer" and token.strip() and services.tokens.knows(token.strip()) is not None
    except EtlError as error:
        _log(request, str(error))
        raise no_database() from None
    if not is_known:
        detail = "this needs the header Authorization: Bearer and a token that is known here; `etlplus up` shows it"
        raise Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})


def _query(model: type[Query], given: Mapping[str, str]) -> Query:
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
    name = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        detail = f"there is no query parameter {quoted(name)}; {way_out(name, model.model_fields)}"
    else:
        detail = f"the query parameter {name}: {first['msg']}"
    raise Problem(400, "invalid_query", detail)  # not within the except: a ValidationError's cycles are not collected


def _text(raw: bytes) -> str:
    if len(raw) > BODY_LIMIT_BYTES:
        raise Problem(413, "too_large", f"the body has {len(raw):,} bytes, the limit is {BODY_LIMIT_BYTES:,}")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Problem(400, "invalid_body", f"the body is not UTF-8 at byte {error.start}") from None


def _as_problems(event: Any, get_response: Callable[[Any], Response]) -> Response:
    """Give what Chalice itself refuses (a method, a content type, a defect of ours) the form of all problems."""
    response = get_response(event)
    if response.status_code < 400 or response.headers.get("Content-Type") == MEDIA_TYPE:
        return response
    codes = {404: "not_found", 405: "method_not_allowed", 415: "unsupported_media_type", 500: "internal"}
    detail = "an internal error; the log has it under this request's id"
    if response.status_code < 500 and isinstance(response.body, dict):
        detail = str(response.body.get("Message", "the request was refused"))
    else:
        _log(event, "a defect; its traceback stands above")
    headers = {name: value for name, value in response.headers.items() if name.lower() == "allow"}
    problem = Problem(response.status_code, codes.get(response.status_code, "refused"), detail, headers=headers)
    return _problem(problem, event)


def _log(request: Any, told: str) -> None:
    request_id = _request_id(request)
    logger.error(
        "Request %s failed: %s", request_id, told, extra={"action": "request_failed", "request_id": request_id}
    )


def _request_id(request: Any) -> str:
    context = getattr(request, "context", None) or {}
    return str(context.get("requestId", ""))


def _problem(problem: Problem, request: Any) -> Response:
    body = json.dumps(problem.body(_request_id(request)), ensure_ascii=False)
    headers = {"Content-Type": MEDIA_TYPE, **_HEADERS, **problem.headers}
    return Response(body, headers=headers, status_code=problem.status)
