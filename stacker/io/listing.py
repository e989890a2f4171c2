"""Which files are the frames, and in which order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from natsort import natsort_keygen, ns

from stacker.errors import UserError
from stacker.io.metadata import Made, made_here
from stacker.io.pairs import Pairs, one_of_each
from stacker.io.raw_names import RAW_SUFFIXES

__all__ = ["FRAME_SUFFIXES", "FoundFrames", "find_frames", "list_frames", "natural_order"]

FRAME_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff"}) | RAW_SUFFIXES
"""File names that can be frames, compared in lower case."""

_natural_key = natsort_keygen(key=lambda path: path.as_posix(), alg=ns.IGNORECASE | ns.PATH)


_CAMERA_NUMBER, _LAST_NUMBER = re.compile(r"(.*?)(\d{4})", re.DOTALL), 9999


def natural_order(paths: Iterable[Path]) -> list[Path]:
    """Sort as a person counts: ``frame_9`` before ``frame_10``, upper and lower case alike.

    Cameras count to 9999 and begin again (JEITA CP-3461, DCF): of files that one has numbered, ``IMG_0001``
    comes after ``IMG_9999`` if both are there and most of the numbers between are not.

    Parameters
    ----------
    paths : iterable of Path
        Files of one stack.

    Returns
    -------
    list of Path
        All of them.
    """
    ordered = sorted(paths, key=lambda path: (_natural_key(path), path.as_posix()))
    start = _after_restart(ordered)
    return ordered[start:] + ordered[:start]


def _after_restart(ordered: Sequence[Path]) -> int:
    """Where the files begin that a camera has made before its counter began again; 0 where it did not."""
    found = [_CAMERA_NUMBER.fullmatch(path.with_suffix("").as_posix()) for path in ordered]
    named = [match for match in found if match is not None]
    if len(named) < max(2, len(ordered)) or len({match[1] for match in named}) > 1:
        return 0
    numbers = [int(match[2]) for match in named]
    gaps = [after - before for before, after in pairwise(numbers)]
    return gaps.index(max(gaps)) + 1 if max(gaps) > _LAST_NUMBER * 0.9 else 0


@dataclass(frozen=True)
class FoundFrames:
    """Which files are the frames.

    Attributes
    ----------
    paths : list of Path
        The frames, in natural order.
    beside : int
        How many of them are there a second time, as RAW or as JPEG.
    results : tuple of Path
        Pictures that are fused already, in natural order: left out where there are other files. Not told of
        are those that the result and its slabs replace.
    """

    paths: list[Path]
    beside: int
    results: tuple[Path, ...] = ()


def list_frames(
    sources: Sequence[Path], leave_out: Path | None = None, pairs: Pairs = Pairs.RAW
) -> list[Path]:
    """Find the frames named by files and folders, in natural order.

    Pictures that the stacker has fused, as they say of themselves, are left out. Where there is nothing else
    they are taken if they were named one by one, or are slabs: a picture of slabs is made on purpose.

    Parameters
    ----------
    sources : sequence of Path
        Files, taken as they are, and folders, of which every image file is taken (not hidden ones, no
        sub-folders, nothing that is not an image). Of the folder of a ``rig`` session it is the frames.
    leave_out : Path, optional
        The result's own file: an older result of that name is no frame.
    pairs : Pairs
        Which file stands for a frame of which there are several, RAW and JPEG.

    Returns
    -------
    list of Path
        At least one path, each once.

    Raises
    ------
    UserError
        When a source is not there, or no frame is left.
    """
    return find_frames(sources, leave_out, pairs).paths


def find_frames(
    sources: Sequence[Path], leave_out: Path | None = None, pairs: Pairs = Pairs.RAW
) -> FoundFrames:
    """The same, with what was left out; see `list_frames`."""
    found: dict[Path, bool] = {}
    for source in sources:
        if _is_folder(source):
            found.update({entry: found.get(entry, False) for entry in _inside(source)})
        else:
            found[source] = True
    where = ", ".join(str(source) for source in sources) or "what was given"
    if not found:
        raise UserError(f"No frames in {where}: no JPEG, PNG, TIFF or RAW file by its name")
    made = {path: made_here(path) for path in found}
    results = [path for path, how in made.items() if how is not None and not _same(path, leave_out)]
    frames = [path for path, how in made.items() if how is None]
    if frames:
        results = [path for path in results if not _is_slab_of(path, leave_out)]
    else:
        frames = [path for path in results if found[path] or made[path] is Made.SLAB]
    if not frames:
        raise UserError(
            f"No frames in {where}: all pictures there are fused already; name them one by one to fuse them"
        )
    paths = natural_order(one_of_each(frames, pairs))
    return FoundFrames(paths, len(frames) - len(paths), tuple(natural_order(results)))


def _inside(folder: Path) -> list[Path]:
    if (folder / "stack.json").is_file():
        raise UserError(f"{folder} is a stack folder, of a stack that is fused: name its frames instead")
    if _is_session(folder):
        folder = folder / "frames"
    return [entry for entry in folder.iterdir() if _is_frame(entry)]


def _is_folder(source: Path) -> bool:
    try:
        source.stat()
    except OSError as error:  # too long, a ring of links, not to be looked into
        gone = isinstance(error, FileNotFoundError | NotADirectoryError)
        why = "" if gone else f": {error.strerror}"
        raise UserError(f"There is no file or folder {source}{why}") from error
    return source.is_dir()


def _same(path: Path, other: Path | None) -> bool:
    return other is not None and path.resolve() == other.resolve()


def _is_slab_of(path: Path, output: Path | None) -> bool:
    if output is None or path.parent.resolve() != output.parent.resolve():
        return False
    return (
        bool(re.fullmatch(re.escape(output.stem) + r"-slab-\d+", path.stem)) and path.suffix == output.suffix
    )


def _is_session(folder: Path) -> bool:
    return (folder / "journal.jsonl").is_file() and (folder / "frames").is_dir()


def _is_frame(path: Path) -> bool:
    return path.suffix.lower() in FRAME_SUFFIXES and not path.name.startswith(".") and path.is_file()
