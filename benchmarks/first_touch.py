"""What memory costs that is touched for the first time, and having it touched before something is measured.

A system clears a page when it is first touched. A virtual machine's host may have taken the page back since
it was last in use, and then has to find one first, which costs ten to twenty times as much. That says
nothing about the program that is measured, and comes and goes with what ran before it.
"""

from __future__ import annotations

import subprocess
import sys

__all__ = ["touch"]

_TOUCH = """
import mmap, resource, sys
size = int(sys.argv[1])
pages = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
if hasattr(mmap, "MADV_HUGEPAGE"):
    pages.madvise(mmap.MADV_HUGEPAGE)
before = resource.getrusage(resource.RUSAGE_SELF).ru_stime
for at in range(0, size, mmap.PAGESIZE):
    pages[at] = 1
print(resource.getrusage(resource.RUSAGE_SELF).ru_stime - before)
"""


def touch(size: int) -> float:
    """Have another process touch so many bytes of fresh memory and give them back.

    Returns
    -------
    float
        System seconds a gigabyte (10⁹ bytes).
    """
    command = [sys.executable, "-S", "-E", "-c", _TOUCH, str(size)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout) / (size / 1e9)
