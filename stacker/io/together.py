"""Gives the files of one run their names together: all of them, or none."""

from __future__ import annotations

import errno
import os
import signal
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType

from stacker.errors import DataError
from stacker.io.atomic import storage_error

__all__ = ["Parts", "together"]

_ENDING = ("SIGINT", "SIGTERM", "SIGHUP")

_ALL_WRITTEN = "when all was written already"


@contextmanager
def together() -> Iterator[Parts]:
    """Files that are written in hidden places; whatever is not published goes in the end.

    Raises
    ------
    DataError
        As what is written in it raises, with files named by the places that they were to have.
    """
    with Parts() as parts:
        try:
            yield parts
        except DataError as error:
            raise DataError(parts.renamed(str(error))) from error


class Parts(ExitStack):
    """Hidden folders beside the places of files, in which these are until all are finished."""

    def __init__(self) -> None:
        super().__init__()
        self._by_home: dict[Path, Path] = {}

    def place(self, path: Path) -> Path:
        """Where a file is until then: on the same disk, and called as it will be."""
        return self._beside(path) / path.name

    def publish(self, finished: Sequence[tuple[Path, Path]], gone: Sequence[Path] = ()) -> None:
        """Give files and folders their names, one after the other, and take away what is no longer true.

        Ctrl-C and other signals that end a program wait until that is done, which takes milliseconds, or
        undone.

        Parameters
        ----------
        finished : sequence of (Path, Path)
            Where each is, and the name that it gets. An older one of that name is replaced.
        gone : sequence of Path
            Files of an earlier run.

        Raises
        ------
        DataError
            When one of the names cannot be had; then all is as it was.
        """
        with _uninterrupted(), ExitStack() as undo:
            for number, (part, path) in enumerate([*((None, path) for path in gone), *finished]):
                aside = self._beside(path) / f"{number}.old"
                try:
                    _set_aside(path, aside, part)
                    undo.callback(_put_back, aside, path)
                    if part is not None:
                        part.replace(path)
                        undo.callback(_put_back, path, part)
                except OSError as error:
                    raise storage_error(error, path) from error
            undo.pop_all()
            self.close()

    def renamed(self, text: str) -> str:
        """A message with files named by the places that they were to have."""
        for home, part in self._by_home.items():
            text = text.replace(f"{part}/", f"{home}/")
        return text

    def _beside(self, path: Path) -> Path:
        home = path.parent
        if home not in self._by_home:
            try:
                made = tempfile.TemporaryDirectory(dir=home, prefix=".stacker-", ignore_cleanup_errors=True)
            except OSError as error:
                raise storage_error(error, path) from error
            self._by_home[home] = Path(self.enter_context(made))
        return self._by_home[home]


def _set_aside(path: Path, aside: Path, part: Path | None) -> None:
    """Keep what is there. A file keeps its name as well until it is replaced, where the disk knows links."""
    if not os.path.lexists(path):
        return
    if part is not None and path.is_dir() != part.is_dir():  # has come since it was looked at
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    if part is not None:
        with suppress(OSError, NotImplementedError):
            os.link(path, aside, follow_symlinks=False)
            return
    path.rename(aside)


def _put_back(place: Path, name: Path) -> None:
    with suppress(OSError):  # which would keep the others from being put back
        place.replace(name)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Have signals that end a program wait. A program that has done its work says so when it is ended."""
    if threading.current_thread() is not threading.main_thread():  # which no signal interrupts
        yield
        return
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        came.append(number)

    numbers = [getattr(signal, name) for name in _ENDING if hasattr(signal, name)]
    before = {number: signal.signal(number, note) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if signal.SIGINT in came:
        raise KeyboardInterrupt(_ALL_WRITTEN)
    for number in came:
        signal.raise_signal(number)
