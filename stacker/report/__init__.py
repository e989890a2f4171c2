"""A page that tells of a stack: sections as data, drawn once; see docs/report.md."""

from __future__ import annotations

__all__ = ["REPORT_SUFFIXES"]

REPORT_SUFFIXES = (".html", ".htm")
"""What the name of a page may end in."""
