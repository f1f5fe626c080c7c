"""What the commands of the local cloud do."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import typer

from chalicelib.core.errors import NotFound, Refused
from chalicelib.core.run import TRANSITIONS, Status
from chalicelib.settings import Settings
from cli.output import Form
from cli.place import object_place
from cli.remote import Remote
from localcloud.cloud.address import API_PORT, AWS_PORT, Address, admin_token
from localcloud.cloud.client import running, start

#: How often a run is asked how it is.
POLL_S = 0.1


@contextmanager
def up(settings: Settings, *, attached: bool) -> "Iterator[subprocess.Popen[bytes] | None]":
    """The cloud runs in the block; an attached one that we started ends after it. None: it ran already."""
    if Address.read(settings.home) is not None:
        yield None
        return
    process = start(settings, attached=attached)
    if process is None or not attached:
        yield process
        return
    try:
        yield process
    finally:
        if process.stdin is not None:
            process.stdin.close()
        process.wait()


def told(settings: Settings, form: Form) -> tuple[dict[str, Any], Form, str]:
    """What somebody who started the cloud wants to know."""
    address, token = running(settings), admin_token(settings.home)
    facts = {"api": address.api, "aws": address.aws, "admin_token": token, "pid": address.pid}
    moved = "".join(f"\n  note   {each}" for each in _moved(address))
    text = f"""the local cloud is up
  API    {address.api}/v1   (Authorization: Bearer {token})
  AWS    {address.aws}   (AWS_ENDPOINT_URL; any credentials)
  drop   etlplus put FILE s3://landing/...{moved}"""
    return facts, form, text


def _moved(address: Address) -> Iterator[str]:
    """What is not on its usual port."""
    for name, url, usual in (("API", address.api, API_PORT), ("AWS", address.aws, AWS_PORT)):
        if (port := urlsplit(url).port) != usual:
            yield f"port {usual} was taken, so the {name} is on {port}"


def standing(settings: Settings, form: Form) -> tuple[dict[str, Any], Form, str]:
    """What runs here."""
    address = Address.read(settings.home)
    if address is None:
        return {"cloud": "stopped", "home": str(settings.home)}, form, f"the local cloud of {settings.home} is stopped"
    facts = {"cloud": "running", "home": str(settings.home), "pid": address.pid, "api": address.api, "aws": address.aws}
    text = f"the local cloud of {settings.home} runs as process {address.pid}: API {address.api}/v1, AWS {address.aws}"
    return facts, form, text


def remote() -> Remote:
    """The API of the home's cloud."""
    settings = Settings.read()
    return Remote(running(settings).api, admin_token(settings.home))


def ended(api: Remote, run_id: str) -> dict[str, Any]:
    """The run, once it has a final status."""
    while True:
        found = api.run(run_id)
        status = Status(found["status"])
        if not TRANSITIONS[status] or status is Status.HELD:
            return found
        time.sleep(POLL_S)


def put(file: Path, uri: str, *, once: bool = False) -> dict[str, Any]:
    """Put a file into a bucket; ``once`` leaves an object that is there as it is.

    Raises:
        NotFound: if there is no such file, or no such bucket.
        Refused: if it is a folder.
    """
    if not file.exists():
        raise NotFound(f"{file} does not exist")
    if not file.is_file():
        raise Refused(f"{file} is not a file; put takes one file at a time")
    try:
        bucket, key = object_place(file, uri)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    from localcloud.cloud.objects import put_object

    version = put_object(running(Settings.read()).aws, file, bucket, key, once=once)
    return {"uri": f"s3://{bucket}/{key}", "version": version}


def invoke(function: str, event: Path) -> Any:
    """What a Lambda answers to the event in a file.

    Raises:
        NotFound: if there is no such file, or no such function.
        Refused: if the file cannot be read or holds no JSON.
    """
    try:
        payload = event.read_bytes()
        json.loads(payload)
    except FileNotFoundError as error:
        raise NotFound(f"{event} does not exist") from error
    except IsADirectoryError as error:
        raise Refused(f"{event} is a folder; name one file with an event in it, such as {event}/NAME.json") from error
    except OSError as error:
        raise Refused(f"{event} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise Refused(f"{event} holds no JSON: {error}") from error
    from localcloud.cloud.objects import invoke_function

    return invoke_function(running(Settings.read()).aws, function, payload)
