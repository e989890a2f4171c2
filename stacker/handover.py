"""Hands results to other programs: names beside the frames, sidecars, opening; see docs/hand-over.md."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from stacker.errors import UserError
from stacker.io.atomic import require_name
from stacker.io.saving import OUTPUT_SUFFIXES
from stacker.io.stack_xmp import SIDECAR_SUFFIX, is_our_sidecar

__all__ = ["Opener", "check_sidecar", "name_beside", "sidecar_path"]

_SAME = frozenset(OUTPUT_SUFFIXES) - {".dng"}
"""Formats of frames that results keep. A frame that is a DNG is a RAW file, which a result is not."""

_GRACE_S = 2.0
"""A program that cannot open a picture ends, mostly at once; one that shows it goes on for hours."""

_PLACE = "{}"


def name_beside(frames: Sequence[Path]) -> Path:
    """A free name for the result of frames that were given as files: ``first-stack.tif`` beside the first.

    Parameters
    ----------
    frames : sequence of Path
        In order. The result has the format of the first, or is a TIFF where that cannot be written.

    Returns
    -------
    Path
        ``first-stack-2.tif`` and on when there is one already.

    Raises
    ------
    UserError
        When the name becomes too long.
    """
    first = frames[0]
    suffix = first.suffix if first.suffix.lower() in _SAME else ".tif"
    name, number = f"{first.stem}-stack", 1
    require_name(first.with_name(f"{name}{suffix}"))
    while (path := first.with_name(f"{name}{suffix}")).exists():
        number += 1
        name = f"{first.stem}-stack-{number}"
    return path


def sidecar_path(picture: Path) -> Path:
    """Where the sidecar of a picture is: ``beetle.xmp`` of ``beetle.tif``, as Adobe has it."""
    return picture.with_suffix(SIDECAR_SUFFIX)


def check_sidecar(picture: Path, frames: Sequence[Path]) -> None:
    """Make sure that the sidecar of a picture replaces none that is another's.

    Raises
    ------
    UserError
        When a frame has that name, or another program has written it.
    """
    path = sidecar_path(picture)
    of_frame = next((frame for frame in frames if sidecar_path(frame).resolve() == path.resolve()), None)
    if of_frame is not None:
        raise UserError(
            f"{path} is where the sidecar of {of_frame.name} belongs: give the picture another name"
        )
    if path.exists() and not is_our_sidecar(path):
        raise UserError(f"{path} is there already and not of a stack: it is not replaced")


@dataclass(frozen=True)
class Opener:
    """A command that opens a file.

    Attributes
    ----------
    words : tuple of str
        The program and its arguments; ``{}`` stands for the file.
    """

    words: tuple[str, ...]

    @classmethod
    def parse(cls, command: str) -> Opener:
        """Read what a person says, with quotes as in a shell; no shell sees it.

        Raises
        ------
        UserError
            When quotes do not match, or there is no such program.
        """
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise UserError(f"The command {command!r} cannot be read: {error}") from error
        if not words:
            raise UserError("The command to open the picture with is empty")
        if shutil.which(words[0]) is None:
            raise UserError(f"There is no program {words[0]} to open the picture with")
        return cls(tuple(words))

    def open(self, path: Path, grace_s: float = _GRACE_S) -> str | None:
        """Start the program, which outlives this one.

        Parameters
        ----------
        path : Path
            Takes the place of ``{}`` in every argument; comes last when there is none.
        grace_s : float
            How long it is watched, in s.

        Returns
        -------
        str or None
            What went wrong; None when it has ended well, or still runs.
        """
        file = str(path.absolute())
        words = [word.replace(_PLACE, file) for word in self.words]
        if not any(_PLACE in word for word in self.words):
            words.append(file)
        with tempfile.TemporaryFile() as said:
            try:
                process = subprocess.Popen(
                    words,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=said,
                    start_new_session=True,  # Ctrl-C here is none there
                )
                code = process.wait(grace_s)
            except subprocess.TimeoutExpired:
                return None
            except OSError as error:
                return f"{words[0]} could not be started: {error.strerror}"
            return f"{words[0]} ended with exit code {code}{_last_line(said)}" if code else None


def _last_line(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read().decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f": {last}" if last else ""
