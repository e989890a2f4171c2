"""A pipeline of generators, each of which works one item ahead of the one behind it."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["one_ahead"]

_T = TypeVar("_T")


def one_ahead(items: Generator[_T, None, None], name: str) -> Generator[_T, None, None]:
    """Run a generator in a thread of its own, one item ahead of what is asked for.

    Bounded on purpose: at most one item waits, whatever the pace of the two sides. Errors of the generator
    are raised here; closing this one ends the thread and closes that one.

    Parameters
    ----------
    items : generator
        What makes the items.
    name : str
        Of the thread.
    """
    with ThreadPoolExecutor(1, name) as pool:
        try:
            waiting: Future[list[_T]] = pool.submit(_next_of, items)
            while item := waiting.result():
                waiting = pool.submit(_next_of, items)
                yield item[0]
        finally:
            pool.shutdown(wait=True)
            items.close()


def _next_of(items: Generator[_T, None, None]) -> list[_T]:
    """The next item in a list, or an empty list behind the last one."""
    for item in items:
        return [item]
    return []
