"""How the compiled loops are compiled: once, kept on disk, without holding the interpreter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

__all__ = ["compiled", "inner"]

_njit: Any = numba.njit
_OPTIONS = {"nogil": True, "fastmath": True, "error_model": "numpy"}


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function on its first call with arguments of a type, and keep the result for later processes.

    The results lie beside the source, or where that cannot be written to in the user's cache folder; where
    neither can be, every process compiles for itself.
    """
    try:
        return _njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:
        return _njit(**_OPTIONS)(function)


def inner(function: Callable[..., Any]) -> Any:
    """Compile a function that only compiled ones of the same file call.

    It gets no way in from Python: making that takes as long as compiling a short loop. (Of the same file,
    because what is kept on disk for a caller goes by the date of the caller's file.)
    """
    return _njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **_OPTIONS)(function)
