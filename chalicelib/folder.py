"""A run's folder: what its stages hand to each other when they are processes apart.

The state machine carries references only; all else lies here, as nouns in JSON and batches in Parquet, until the run
is recorded. Each write replaces what an earlier attempt left.
"""

import json
from typing import Any, TypeVar

from chalicelib.core.codec import from_json, to_json
from chalicelib.core.errors import Fatal, NotFound, PlanStale
from chalicelib.core.folder import run_prefix
from chalicelib.core.manifest import Batch, Manifest
from chalicelib.core.outcome import NOTHING, Duplicate, Failed, Published, Transformed
from chalicelib.core.plan import Plan
from chalicelib.core.run import Stage, Status
from chalicelib.ports import ObjectStore

Noun = TypeVar("Noun")
#: How often a run is planned again before it fails: each time another run was faster.
ROUNDS = 5
_MANIFEST, _BEGUN = "manifest.json", "begun.json"
#: The worst first: who must act on it cannot be helped by waiting.
_WORST = (Status.FAILED, Status.HELD, Status.CANCELLED)


class RunFolder:
    """The folder of one run in the work store."""

    def __init__(self, work: ObjectStore, run_id: str) -> None:
        self._work = work
        self._run_id = run_id
        self._prefix = run_prefix(run_id)
        self._again = f"{self._prefix}again"  # there while the plan is stale and no other has taken its place

    def keep_plan(self, planned: Plan | Duplicate) -> dict[str, Any]:
        """Keep what plan decided; return what the state machine needs to know of it."""
        for name in (_MANIFEST, _BEGUN):  # of a plan before this one
            self._work.remove(f"{self._prefix}{name}")
        self._put("plan.json" if isinstance(planned, Plan) else "duplicate.json", planned)
        self._work.remove(self._again)
        return self._next("extract" if isinstance(planned, Plan) else "record")

    def planned(self) -> dict[str, Any] | None:
        """What the state machine needs to know of the plan that an earlier execution of the run made, if one did.

        Batches that were staged are known by their number in that plan, so another must not take its place.
        """
        is_good = self._work.keys(f"{self._prefix}plan.json") and not self._work.keys(self._again)
        return self._next("extract") if is_good else None

    def plan(self) -> Plan:
        """The plan."""
        return self._get("plan.json", Plan)

    def keep_manifest(self, manifest: Manifest, *, workers: int) -> dict[str, Any]:
        """Keep the manifest, and the Map's items beside it; return what the state machine needs to know of it.

        One that is not whole is kept as a checkpoint of extract, which goes on from there.
        """
        if not manifest.whole:
            self._put(_BEGUN, manifest)
            return self._next("extract")
        self._put(_MANIFEST, manifest)
        items = f"{self._prefix}items.json"
        with self._work.writing(items) as stream:
            each = [{"run_id": self._run_id, "batch": group[0].number} for group in manifest.groups]
            stream.write(json.dumps(each).encode())
        size = len(manifest.groups)
        told = {"batches": size, "items": items, "workers": min(workers, size), "round": 1}
        return {**self._next("transform"), **told}

    def manifest(self) -> Manifest:
        """The manifest."""
        return self._get(_MANIFEST, Manifest)

    def extracted(self) -> Manifest | None:
        """The manifest under this plan, as far as extract came: batches that were staged are known by their number."""
        return self._find(_MANIFEST, Manifest) or self._find(_BEGUN, Manifest)

    def group(self, number: int) -> tuple[Batch, ...]:
        """The group of the manifest's batches that begins with the batch of that number."""
        groups = {group[0].number: group for group in self.manifest().groups}
        return groups[number]

    def keep_outcome(self, outcome: Published | Duplicate) -> None:
        """Keep what publish did."""
        self._put("published.json" if isinstance(outcome, Published) else "duplicate.json", outcome)

    def outcome(self) -> Published | Duplicate | None:
        """What publish did, or plan found, if either came to its end."""
        return self._find("published.json", Published) or self._find("duplicate.json", Duplicate)

    def keep_failure(self, batch: int, failed: Failed) -> None:
        """Keep why one batch failed: a Map tells that one did, not why."""
        self._put(f"failures/{batch:05d}.json", failed)

    def failure(self) -> Failed | None:
        """Why a batch failed: the worst reason, of the first batch that has it."""
        keys = self._work.keys(f"{self._prefix}failures/")
        found = [self._get(key.removeprefix(self._prefix), Failed) for key in keys]
        return min(found, key=lambda failed: _WORST.index(failed.status), default=None)

    def forget_failures(self) -> None:
        """Forget why an earlier execution of the run failed: another begins."""
        self._work.remove(f"{self._prefix}failures/")

    def so_far(self) -> Transformed:
        """What transform did with the batches that it finished."""
        keys = self._work.keys(f"{self._prefix}outcomes/")
        parts = [self._get(key.removeprefix(self._prefix), Transformed) for key in keys]
        return Transformed.total(parts) if parts else NOTHING

    def reached(self) -> Stage:
        """The stage that began last, as far as the folder tells."""
        if self._work.keys(f"{self._prefix}outcomes/"):
            return Stage.PUBLISH
        if self._work.keys(f"{self._prefix}{_MANIFEST}"):
            return Stage.TRANSFORM
        return Stage.EXTRACT if self._work.keys(f"{self._prefix}plan.json") else Stage.PLAN

    def begin_again(self, error: PlanStale) -> None:
        """Forget what was done with the batches of a stale plan; another, to be made now, will have others.

        Raises:
            Fatal: if that was done ``ROUNDS`` times already, with the words of ``error``.
        """
        rounds = f"{self._prefix}stale/"
        count = len(self._work.keys(rounds))
        if count >= ROUNDS:
            raise Fatal(f"{error}; {count} plans in a row were stale") from error
        self.begin_anew()
        for key in (f"{rounds}{count:05d}", self._again):
            with self._work.writing(key) as stream:
                stream.write(str(error).encode())

    def begin_anew(self) -> None:
        """Forget what was done with batches."""
        for name in ("outcomes", "rejects", "batches", "failures"):
            self._work.remove(f"{self._prefix}{name}/")

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        self._work.remove(self._prefix)

    def _next(self, stage: str) -> dict[str, Any]:
        return {"run_id": self._run_id, "next": stage}

    def _put(self, name: str, noun: object) -> None:
        with self._work.writing(f"{self._prefix}{name}") as stream:
            stream.write(to_json(noun))

    def _get(self, name: str, kind: type[Noun]) -> Noun:
        with self._work.reading(f"{self._prefix}{name}") as stream:
            return from_json(kind, stream.read())

    def _find(self, name: str, kind: type[Noun]) -> Noun | None:
        try:
            return self._get(name, kind)
        except NotFound:
            return None
