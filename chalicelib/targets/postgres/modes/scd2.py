"""scd2: every version of a row, by keys, with the time from which and to which it was current.

A key's history is a line of moments. At each a version begins (``valid_from``), or the key is gone. A version ends
where the next moment stands (``valid_to``), and the one without an end is current (``is_current``). A record is a
moment more, at its ``effective_at``, or at the run's time:

- it says what the history says at that time already: unchanged, no new version;
- it stands between two moments, because it came out of order: its version ends at the next, the one before ends here;
- a version begins at that very time: the record corrects it, for the later word is the higher;
- it takes its key away (``delete_when``): the version before it ends here; what came after it stays.

Columns that the data lacks begin each version with their default.
"""

from chalicelib.core.counts import Written
from chalicelib.postgres.identifiers import quote
from chalicelib.targets.postgres.modes.highest import keep_highest
from chalicelib.targets.postgres.modes.writing import Change, Op, Writing, comparable
from chalicelib.targets.postgres.staging import unstaged

#: What a decision says of a version's time.
_TIMES = [("valid_to", "d.valid_to"), ("is_current", "d.valid_to IS NULL")]


def scd2(writing: Writing) -> Change:
    """Write what is staged into the history.

    Raises:
        BrokenLaw: if a statement did not do what was decided.
    """
    keys = [unstaged(writing.column(name)) for name in writing.plan.pipeline.target.keys]
    writing.prepare()
    _, deduplicated = keep_highest(writing, [*keys, _effective(writing)])
    _decide(writing)
    count = writing.decided()
    loaded, corrected, deleted, gone = count[Op.INSERT], count[Op.UPDATE], count[Op.DELETE], count[Op.GONE]
    staged = writing.staged(by=f"{writing.decisions} AS d")
    taken = writing.delete(deleted)
    before, after = writing.update(_TIMES, f"{writing.decisions} AS d", Op.CLOSE, count[Op.CLOSE])
    wrong, right = writing.update([*writing.values, *_TIMES], staged, Op.UPDATE, corrected)
    new = writing.insert(f"{staged} WHERE d.op = '{Op.INSERT}'", [("valid_from", "d.valid_from"), *_TIMES])
    writing.prove("inserted", loaded, new.rows)
    writing.connection.run(f"DROP TABLE {writing.decisions}")
    written = Written(loaded, corrected + deleted + gone, count[Op.NOTHING], deduplicated, removed=deleted + gone)
    return Change(written, added=after + right + new, taken=taken + before + wrong)


def _effective(writing: Writing) -> str:
    """The SQL of the moment of a record of ``s``; the run's time is the same for all of them."""
    name = writing.plan.pipeline.target.effective_at
    return f"{unstaged(writing.column(name))}::timestamptz" if name else writing.run_time


def _decide(writing: Writing) -> None:
    """Draw the line of moments of each key of the data, and say what is to be done for it (``Op``)."""
    target = writing.plan.pipeline.target
    names = [f"k{place}" for place, _ in enumerate(target.keys)]
    others = [c for c in writing.plan.columns if c.name not in (*target.keys, target.effective_at)]
    stored = [f"t.{quote(name)}" for name in target.keys]
    writing.connection.run(
        _DECISIONS.format(
            **{op.name: f"'{op}'" for op in Op},
            decisions=writing.decisions,
            table=writing.table,
            staging=writing.staging,
            keys=", ".join(names),
            their_keys=", ".join(
                f"{unstaged(writing.column(k))} AS {n}" for k, n in zip(target.keys, names, strict=True)
            ),
            our_keys=", ".join(f"{key} AS {name}" for key, name in zip(stored, names, strict=True)),
            line=", ".join(stored),
            effective=_effective(writing),
            gone=writing.gone,
            they_say=", ".join(["0", *(comparable(unstaged(c), c) for c in others)]),
            we_say=", ".join(["0", *(comparable(f"t.{quote(c.name)}", c) for c in others)]),
        )
    )


#: known: the versions of the data's keys; gaps: the moments at which such a key was gone; met: each record with the
#: version of its very moment; moments: the line; ends: where each moment that matters ends.
_DECISIONS = """
CREATE UNLOGGED TABLE {decisions} AS
WITH incoming AS MATERIALIZED (
    SELECT s.ctid AS staged, {their_keys}, {effective} AS at, {gone} AS gone, ROW({they_say}) AS says
    FROM {staging} AS s
), known AS MATERIALIZED (
    SELECT t.ctid AS place, t.tableoid AS relation, {our_keys}, t.valid_from AS at, ROW({we_say}) AS says,
        t.valid_to AS until, t.is_current, lead(t.valid_from) OVER (PARTITION BY {line} ORDER BY t.valid_from) AS next
    FROM {table} AS t WHERE ({line}) IN (SELECT {keys} FROM incoming)
), gaps AS (
    SELECT {keys}, until AS at, true AS is_gap FROM known WHERE until IS DISTINCT FROM next AND until IS NOT NULL
), met AS MATERIALIZED (
    SELECT incoming.*, known.place, known.relation, is_gap,
        CASE WHEN gone THEN known.place IS NULL AND is_gap IS NOT NULL
        ELSE known.place IS NOT NULL AND known.says IS NOT DISTINCT FROM incoming.says END AS same
    FROM incoming
    LEFT JOIN (SELECT {keys}, at, place, relation, says FROM known) AS known USING ({keys}, at)
    LEFT JOIN gaps USING ({keys}, at)
), moments AS (
    SELECT NULL::tid AS staged, place, relation, {keys}, at, false AS gone, says, until, is_current,
        NULL::boolean AS is_gap FROM known
    WHERE NOT EXISTS (
        SELECT FROM met WHERE met.place = known.place AND met.relation = known.relation AND NOT met.same)
    UNION ALL
    SELECT NULL, NULL, NULL, {keys}, at, true, NULL, NULL, NULL, NULL FROM gaps
    WHERE ({keys}, at) NOT IN (SELECT {keys}, at FROM met WHERE NOT same)
    UNION ALL
    SELECT staged, place, relation, {keys}, at, gone, says, NULL, NULL, is_gap FROM met WHERE NOT same
), after AS (
    SELECT *, lag(gone) OVER line AS was_gone, lag(says) OVER line AS said
    FROM moments WINDOW line AS (PARTITION BY {keys} ORDER BY at)
), judged AS MATERIALIZED (
    SELECT *, staged IS NOT NULL AND place IS NULL AND is_gap IS NULL AND CASE WHEN gone THEN coalesce(was_gone, true)
        ELSE NOT coalesce(was_gone, true) AND says IS NOT DISTINCT FROM said END AS idle FROM after
), ends AS (
    SELECT *, lead(at) OVER (PARTITION BY {keys} ORDER BY at) AS ends FROM judged WHERE NOT idle
), decided AS (
    SELECT staged, place, relation, at, ends, CASE
        WHEN staged IS NULL AND place IS NULL THEN NULL
        WHEN staged IS NOT NULL AND gone THEN CASE WHEN place IS NULL THEN {GONE} ELSE {DELETE} END
        WHEN staged IS NOT NULL THEN CASE WHEN place IS NULL THEN {INSERT} ELSE {UPDATE} END
        WHEN until IS DISTINCT FROM ends OR is_current IS DISTINCT FROM (ends IS NULL) THEN {CLOSE} END AS op
    FROM ends
    UNION ALL SELECT staged, NULL, NULL, NULL, NULL, {NOTHING} FROM judged WHERE idle
    UNION ALL SELECT staged, NULL, NULL, NULL, NULL, {NOTHING} FROM met WHERE same
)
SELECT staged, place, relation, at AS valid_from, ends AS valid_to, op::"char" AS op FROM decided WHERE op IS NOT NULL
"""
