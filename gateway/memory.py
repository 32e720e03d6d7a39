"""What the process asks of the C library about memory; nothing else.

Large answers are megabytes that live for a moment, each in whichever thread makes it. By default glibc
learns to keep such blocks in a heap of that thread, where one small block behind them holds them for good.
"""

from __future__ import annotations

import ctypes
import sys

_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_LARGE_BYTES = 256 * 1024
_ARENAS = 2


def give_back_large_blocks() -> bool:
    """Make the C library return large blocks at once; return False where it does not take such wishes."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # musl and others have none
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)) and bool(mallopt(_M_ARENA_MAX, _ARENAS))
