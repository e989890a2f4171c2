"""A file that libgphoto2 never stops fetching costs seconds, not the deadline of a release."""

from __future__ import annotations

import subprocess
import sys

import pytest

STUCK = """
import time
from rig.cameras import gphoto_events as events

events._LOOK_S, events._STALL_S, events._STALL_TIMES = 0.01, 0.2, 3.0

left = {seconds}

class Body:
    def wait_for_event(self, _ms):
        time.sleep(left.pop(0))
        return events.gp.GP_EVENT_FILE_ADDED, type("path", (), dict(folder="/", name="capt0000.jpg"))

told = events.FileEvents(Body())
told.guard()
for _ in range({files}):
    told.poll()
print("all came")
"""


@pytest.mark.parametrize(
    ("seconds", "ends"),
    [
        ([0.4, 0.0, 0.5], True),  # the first one has all the time, and gives the others three times its own
        ([0.0, 0.5], False),
    ],
)
def test_a_file_that_does_not_end(seconds: list[float], ends: bool) -> None:
    program = STUCK.format(seconds=seconds, files=len(seconds))
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert (done.returncode == 0, "all came" in done.stdout) == (ends, ends), done
    assert ("before its announced size" in done.stderr) != ends
