"""Transform: one engine pass over a batch, or over all of a run's; clean records and rejects into the run's folder."""

from typing import Any

from chalicelib.bootstrap.cloud import cloud
from chalicelib.core.run import Stage
from chalicelib.engine.clean import CleanSink
from chalicelib.progress import Unwatched
from chalicelib.stages.transform import transform
from functions.boundary import Payload, boundary


@boundary(Stage.TRANSFORM, "batch")
def handler(payload: Payload) -> dict[str, Any]:
    """``{run_id, batch}`` -> ``{}``."""
    folder, work = cloud().folder(payload["run_id"]), cloud().work
    planned, batches = folder.plan(), folder.group(payload["batch"])
    with cloud().source(planned.pipeline) as source, CleanSink(work, planned, payload["batch"]) as sink:
        transform(planned, *batches, source=source, sink=sink, work=work, progress=Unwatched())
    return {}
