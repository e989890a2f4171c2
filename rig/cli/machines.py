"""Answers for machines: JSON on standard output."""

from __future__ import annotations

import json
import sys
from typing import Any

__all__ = ["write_json"]


def write_json(value: Any, *, line: bool = False) -> None:
    """Print a value as JSON on standard output, at once: on one line, as of a stream, or laid out."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=None if line else 2) + "\n")
    sys.stdout.flush()
