"""Numbers: which record of the original each record of a screened copy is."""

from array import array
from bisect import bisect_right


class Numbers:
    """The original record numbers of the kept records: 8 bytes a refused record, none a kept one.

    >>> numbers = Numbers()
    >>> numbers.skip(2)
    >>> numbers.take(0, 3)
    [1, 3, 4]
    """

    def __init__(self) -> None:
        self._kept_before = array("Q")

    def skip(self, refused: int) -> None:
        """Note the next refused number; they come in ascending order."""
        self._kept_before.append(refused - 1 - len(self._kept_before))

    def take(self, position: int, n: int) -> list[int]:
        """Return the numbers of ``n`` kept records from a position, which counts kept records from 0."""
        numbers: list[int] = []
        end = position + n
        while position < end:
            refused = bisect_right(self._kept_before, position)
            next_gap = self._kept_before[refused] if refused < len(self._kept_before) else end
            stop = min(end, next_gap)
            numbers.extend(range(position + refused + 1, stop + refused + 1))
            position = stop
        return numbers
