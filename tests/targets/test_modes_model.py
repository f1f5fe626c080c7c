"""Any loads in any mode, against a model in memory: equal rows, counts that add up, a hash that equals a full scan."""

from collections import Counter
from itertools import count

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from modes import Table, counted

RECORDS = st.lists(st.tuples(st.integers(1, 5) | st.none(), st.sampled_from(["a", "b", "gone", ""])), max_size=8)
LOADS = st.lists(st.tuples(st.sampled_from(["append", "replace", "merge", "merge by order"]), RECORDS), max_size=5)
MODES = {
    "append": {},
    "replace": {"write": "replace"},
    "merge": {"write": "merge", "keys": ["id"], "delete_when": "name = 'gone'"},
    "merge by order": {"write": "merge", "keys": ["id"], "order_by": "name"},
}


class Model:
    """A list of rows, and what each mode makes of it."""

    def __init__(self):
        self.rows = []

    def load(self, mode, records):
        """Take the records in; return what became of them."""
        if mode in ("append", "replace"):
            removed = len(self.rows) if mode == "replace" else 0
            self.rows = ([] if mode == "replace" else self.rows) + records
            return {"loaded": len(records), "removed": removed}
        return self._merge(mode, records)

    def _merge(self, mode, records):
        keyed = [(place, each) for place, each in enumerate(records) if each[0] is not None]
        order = (lambda r: (r[1][1] is not None, r[1][1] or "", r[0])) if "order" in mode else (lambda r: r[0])
        highest = {record[0]: record for _, record in sorted(keyed, key=order)}
        there = {key: name for key, name in self.rows if key in highest}
        if len(there) < sum(key in highest for key, _ in self.rows):
            return None  # a key of the data stands twice
        became = Counter(rejected=len(records) - len(keyed), deduplicated=len(keyed) - len(highest))
        for key, name in highest.values():
            if mode == "merge" and name == "gone":
                became["updated" if key in there else "unchanged"] += 1
                became["removed"] += key in there
                there.pop(key, None)
            else:
                became["loaded" if key not in there else "unchanged" if there[key] == name else "updated"] += 1
                there[key] = name
        self.rows = [row for row in self.rows if row[0] not in highest] + list(there.items())
        return dict(became)


@settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.generate],
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(LOADS)
def test_any_loads_leave_the_rows_of_the_model(database, tmp_path, loads):
    table, model = Table(database, tmp_path, {"id": "bigint", "name": "text"}), Model()
    table.run("DROP TABLE IF EXISTS public.t")
    table.run("CREATE TABLE public.t (id bigint, name text)")
    for mode, records in loads:
        text = "id,name\n" + "".join(f"{'' if key is None else key},{name}\n" for key, name in records)
        run = table.load(text, f"{next(NUMBERS)}.csv", rules=EASY, **MODES[mode])
        expected = model.load(mode, [(key, name or None) for key, name in records])
        if expected is None:
            assert "held" == run.status
        else:
            assert {name: count for name, count in expected.items() if count} == counted(run)
        assert sorted(map(repr, model.rows)) == sorted(repr(tuple(row)) for row in table.rows("id, name", ""))


#: Rejects by the dozen hold no run here, and every load is a file of its own.
EASY = [{"check": "reject_ratio", "max": 1.0}]
NUMBERS = count(1)
