"""The benchmark in its short form: it runs, and reports all jobs; how fast is not what a test asserts."""

import json
import subprocess
import sys
from pathlib import Path

from making import environment

ROOT = Path(__file__).parents[1]


def test_all_jobs_are_measured_against_psql_and_reported(tmp_path):
    report = tmp_path / "report.json"
    options = ["--rounds", "1", "--records", "2000", "--data", str(tmp_path), "--report", str(report)]
    command = [sys.executable, "-m", "benchmarks.run", *options]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
    found = json.loads(report.read_text(encoding="utf-8"))
    assert ({"A", "B", "C"}, {"psql", "bare", "A", "B", "psql_c", "bare_c", "C"}) == (
        found["jobs"].keys(),
        found["medians_s"].keys(),
    )
    assert 2000 == found["data"]["records"]
