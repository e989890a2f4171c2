"""What holds for every test."""

from __future__ import annotations

import signal

# A shell that starts a job in the background lets it ignore Ctrl-C, and its children inherit that: tests that
# interrupt a command would wait for ever. A handler of our own is the default again in every child.
signal.signal(signal.SIGINT, signal.default_int_handler)
