"""A cloud to be killed: one environment idle, one in the midst of an invocation. ``python cloud.py MODE NOTE``."""

import json
import sys
from pathlib import Path

from invoking import call, named

from localcloud.lambdas.pool import LambdaPool

if __name__ == "__main__":
    mode, note = sys.argv[1:]
    note_file = Path(note)
    pool = LambdaPool(log=note_file.with_suffix(".log"), scratch=note_file.with_suffix(".tmp"), fork=mode == "fork")
    idle = call(pool, named("who"))
    print(json.dumps(idle), flush=True)  # noqa: T201 - whoever started us reads it
    pool.invoke(named("hang"), json.dumps({"note": note}).encode())
