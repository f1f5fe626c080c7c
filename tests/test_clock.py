"""The clock, and run ids that sort by time."""

from datetime import UTC, timedelta
from uuid import RFC_4122, UUID

from making import AT

from chalicelib.clock import SystemClock, new_run_id


def test_the_time_is_aware_and_in_utc():
    assert SystemClock().now().tzinfo is UTC


def test_a_run_id_is_a_uuid_of_version_7_with_its_time():
    made = UUID(new_run_id(AT))
    assert (7, RFC_4122) == (made.version, made.variant)
    assert int(AT.timestamp() * 1000) == made.int >> 80


def test_run_ids_sort_by_time_and_are_never_equal():
    ids = [new_run_id(AT + timedelta(milliseconds=n)) for n in range(200)]
    assert ids == sorted(ids)
    assert 1000 == len({new_run_id(AT) for _ in range(1000)})
