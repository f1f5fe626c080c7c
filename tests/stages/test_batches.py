"""However an object is cut into batches, what is read, rejected and published is the same."""

import csv
import io
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from making import Silent, pipeline, plan, query, run_id

from chalicelib.core.counts import prove_in
from chalicelib.core.pipeline import CsvFormat, JsonlFormat
from chalicelib.core.reject import Reject
from chalicelib.disk import DiskStore
from chalicelib.formats.find import finder
from chalicelib.sources.file import FileSource
from chalicelib.stages.extract import extract
from chalicelib.stages.plan import plan as make_plan
from chalicelib.stages.publish import publish
from chalicelib.stages.transform import transform
from chalicelib.targets.postgres import PostgresTarget

SIZES = (1, 4, 32, 1000)
#: What stands for a megabyte here.
UNIT = 100
CSV = CsvFormat(delimiter=",", quote='"', header=True, encoding="utf-8", nulls=("",))
JSONL = JsonlFormat(type="jsonl", encoding="utf-8")
SETTINGS = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
STEPS = {
    "record scope": [{"filter": "b is distinct from 'y'"}],
    "run scope": [{"deduplicate": {"columns": ["b"], "order_by": ["a"], "keep": "first"}}],
}
CELLS = st.text('ab ,"\n\ré', max_size=9)
#: What a CSV may hold between, or in place of, its good lines.
ODD = (
    b"\n", b"\r\n", b"7\n", b"8,x,y\n", b'9,5" pipe\n', b'9,say "hi" now\n', b'9,a"b\n', b'9,"a" "b"\n', b'9,"a"b\n',
    b'9, "sp"\n', b"9,\xff\xfe\n", b"9,n\0l\n", b"\xef\xbb\xbf9,bom\n", b"x,no number\n", b"9,c\rr\n", b"9,crlf\r\n",
    b'9,"q""q"\n', b'9,"two\nlines"\n', b'"\n",z\n',
)  # fmt: skip
ENDS = (b"", b"9,last", b'9,"open\nto\nthe end\n', b'"', b"\r\n\r\n", b'9,"half" x"\n1,2')
LINES = (
    b'{"a": 1, "b": "x"}\n', b'{"a": 2}\r\n', b"\n", b"  \n", b'{"a": 1,\n', b"[1]\n", b'{"a": "x"}\n',
    b'{"a": 3, "b": "l\\nine"}\n', b"\xff\n", b'\xef\xbb\xbf{"a": 4}\n', b'{"a": 5, "c": 1}\n',
    b'{"a": 6, "b": "\\u0000"}\n',
)  # fmt: skip


@st.composite
def delimited(draw) -> bytes:
    """A CSV of two columns with whatever may be wrong in one."""
    end = draw(st.sampled_from(["\n", "\r\n", "\n", "\r"]))
    lines = [b"a,b" + end.encode()]
    for number in range(draw(st.integers(0, 40))):
        text = io.StringIO()
        csv.writer(text, lineterminator=end).writerow([number, draw(CELLS)])
        lines.append(text.getvalue().encode())
    for _ in range(draw(st.integers(0, 4))):
        lines.insert(draw(st.integers(0, len(lines))), draw(st.sampled_from(ODD)))
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + b"".join(lines) + draw(st.sampled_from(ENDS))


@st.composite
def lines_of_json(draw) -> bytes:
    lines = draw(st.lists(st.sampled_from(LINES), max_size=60))
    return (
        draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
        + b"".join(lines)
        + draw(st.sampled_from([b"", b'{"a": 7}', b" "]))
    )


class Kept:
    """A sink that remembers: batch, record number and values of what came."""

    def __init__(self):
        self.records = []

    def write(self, _plan, _batch, records):
        rows = [row for each in records for row in each.to_pylist()]
        self.records += rows
        return len(rows)


def cut(folder, content, format_, steps, batch_bytes):
    """Read an object in batches; what is kept, what is rejected, what was counted, and how many batches there were."""
    (path := folder / "object").write_bytes(content)
    source = FileSource(str(path), work=folder / "copies")
    document = pipeline(path, transforms=steps)
    planned = plan(objects=source.find(), pipeline=document, together="deduplicate" in steps[0])
    planned = replace(planned, format=format_)
    work, sink = DiskStore(folder / "work"), Kept()
    manifest = extract(planned, source=source, batch_bytes=batch_bytes)
    assert manifest.whole
    done = transform(planned, *manifest.batches, source=source, sink=sink, work=work, progress=Silent())
    rejects = []
    for key in work.keys(f"runs/{planned.run_id}/rejects/"):
        with work.reading(key) as stream:
            rejects += [Reject.from_line(line) for line in stream]
    work.remove("runs/")
    source.close()
    prove_in(done.counts)
    told = sorted((each.record, each.start, each.end, each.raw, each.reasons) for each in rejects)
    kept = sorted((row["_etl_line"], row["a"], row["b"]) for row in sink.records)
    for _, start, end, raw, _ in told:
        assert raw == content[start:end]
    return {"kept": kept, "rejects": told, "counts": done.counts, "broken": done.broken}, manifest


def same_in_all_sizes(folder, content, format_, steps):
    whole, (batch,) = (found := cut(folder, content, format_, steps, SIZES[-1] * UNIT))[0], found[1].batches
    assert batch.span is None
    for size in SIZES[:-1]:
        parts, manifest = cut(folder, content, format_, steps, size * UNIT)
        assert whole == parts
        spans = [each.span for each in manifest.batches if each.span]
        assert not spans or [0, *(span.end for span in spans)] == [*(span.start for span in spans), len(content)]


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
@SETTINGS
@given(content=delimited())
@example(content=b'a,b\n1,5" x\n' + b"2,two\n" * 20 + b'3,"a" "b"\n' + b"4,four\n" * 9)
@example(content=b"\xef\xbb\xbfa,b\r\n" + b"2,two\r\n" * 20 + b"2,two\n" * 20)
def test_a_csv_is_read_alike_in_batches_of_any_size(tmp_path, steps, content):
    same_in_all_sizes(tmp_path, content, CSV, steps)


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
@SETTINGS
@given(content=lines_of_json())
def test_json_lines_are_read_alike_in_batches_of_any_size(tmp_path, steps, content):
    same_in_all_sizes(tmp_path, content, JSONL, steps)


HAZARDS = b"\xef\xbb\xbfa,b\r\n" + b"".join(
    b'%d,"n\n%d"\r\n' % (n % 37, n % 5) + ODD[n % len(ODD)] * (n % 7 == 0) for n in range(150)
)
HAZARDS_OF_JSON = b"".join(b'{"a": %d, "b": "n%d"}\n' % (n % 37, n % 5) + LINES[n % len(LINES)] for n in range(80))
COLUMNS = {"a": "bigint", "b": "text"}
LENIENT = [{"check": "reject_ratio", "max": 1.0}]


def published(database, path, size, **parts):
    """Carry a run out in batches of ``size``: the table's hash, the counts, and the rejects with their places."""
    query(database, "DROP TABLE IF EXISTS public.t")
    folder = path.parent / str(size)
    source, work, target = FileSource(str(path), work=folder), DiskStore(folder / "work"), PostgresTarget(database)
    document = pipeline(path, columns=COLUMNS, name=f"p{size}", **parts)
    planned = make_plan(run_id(size), document, source=source, target=target, work=work)
    manifest = extract(planned, source=source, batch_bytes=size * UNIT)
    for group in manifest.groups:
        transform(planned, *group, source=source, sink=target.staging(planned), work=work, progress=Silent())
    done = publish(planned, manifest, target=target, work=work)
    find, rejects = finder(planned, manifest, source), []
    for key in work.keys(f"runs/{planned.run_id}/rejects/"):
        with work.reading(key) as stream:
            for each in map(Reject.from_line, stream):
                place = (each.record, each.start, each.end, each.raw)
                place = place if each.start is not None else next(find(each.batch, [each.record]))
                rejects.append((*place, str(each.reasons)))
    target.close()
    source.close()
    return (done.entry.table_hash, done.counts, sorted(rejects)), len(manifest.batches)


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize(("content", "format_"), [(HAZARDS, "csv"), (HAZARDS_OF_JSON, "jsonl")], ids=["csv", "jsonl"])
def test_the_table_the_counts_and_the_rejects_are_the_same_in_batches_of_any_size(
    database, tmp_path, content, format_, steps
):
    (path := tmp_path / "object").write_bytes(content)
    rules = [*LENIENT, {"check": "unique", "columns": ["a"]}]
    parts = {"format": {"type": format_}, "transforms": steps, "rules": rules}
    found = [published(database, path, size, **parts) for size in SIZES]
    assert len({str(result) for result, _ in found}) == 1
    assert [1] == sorted({batches for _, batches in found})[:1]
    assert max(batches for _, batches in found) > 10
