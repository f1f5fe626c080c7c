"""The heap of a process that streams: glibc gives freed megabytes back to the kernel and asks for them again at once.

For a million records that is 70,000 page faults and 0.2 CPU s. With higher thresholds the freed blocks stay with the
process, which holds as much as at its peak until it ends.
"""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_KEPT_BYTES = 256 * 1024**2


def keep_freed_blocks() -> None:
    """Let glibc keep freed blocks; elsewhere this does nothing."""
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
