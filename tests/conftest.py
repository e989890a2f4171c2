"""What holds for every test."""

from __future__ import annotations

import os
import signal

# A shell that starts a job in the background lets it ignore Ctrl-C, and its children inherit that: tests that
# interrupt a command would wait for ever. A handler of our own is the default again in every child.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The settings of whoever runs the tests would name their maker in every picture, and open it.
os.environ["STACKER_CONFIG"] = os.devnull

# Hundreds of commands are started here: each would compile its modules again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
