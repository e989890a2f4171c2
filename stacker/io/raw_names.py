"""What RAW files are called."""

from __future__ import annotations

__all__ = ["RAW_SUFFIXES"]

RAW_SUFFIXES = frozenset(
    f".{kind}"
    for kind in (
        *("3fr", "arw", "cr2", "cr3", "crw", "dcr", "dng", "erf", "fff", "iiq", "kdc", "mef", "mos", "mrw"),
        *("nef", "nrw", "orf", "pef", "raf", "rw2", "rwl", "sr2", "srf", "srw", "x3f"),
    )
)
"""Names that RAW files of still cameras have, in lower case."""
