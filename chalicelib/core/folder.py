"""The run's folder in the work store: where what travels between its stages lies."""


def run_prefix(run_id: str) -> str:
    """What the keys of everything of a run begin with."""
    return f"runs/{run_id}/"


def rejects_prefix(run_id: str) -> str:
    """What the keys of a run's rejects begin with."""
    return f"{run_prefix(run_id)}rejects/"


def rejects_key(run_id: str, group: int) -> str:
    """The rejects of one group of batches, a line of JSON each."""
    return f"{rejects_prefix(run_id)}{group:05d}.jsonl"


def outcome_key(run_id: str, group: int) -> str:
    """What transform did with one group of batches, as JSON."""
    return f"{run_prefix(run_id)}outcomes/{group:05d}.json"


def lookup_key(run_id: str, step: int, name: str) -> str:
    """What was pinned of the table that the step at position ``step`` looks up."""
    return f"{run_prefix(run_id)}lookups/{step:05d}/{name}"


def judged_key(run_id: str) -> str:
    """What publish found by the rules, as JSON, beside what transform did."""
    return f"{run_prefix(run_id)}outcomes/publish.json"


def late_key(run_id: str) -> str:
    """The records that publish rejected, a line of JSON each."""
    return f"{rejects_prefix(run_id)}late.jsonl"


def batch_key(run_id: str, group: int) -> str:
    """The clean records of one group of batches, as Arrow."""
    return f"{run_prefix(run_id)}batches/{group:05d}.arrow"
