"""Registered, exposure-matched frames as files, for other stackers; with what was done to them as JSON."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from contextlib import closing
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from stacker.about import frame_metadata
from stacker.errors import DataError, UserError
from stacker.frames import Image
from stacker.fusion.window import Window, corners_in_reference
from stacker.io.atomic import publish_folder, storage_error
from stacker.io.encode import write_image
from stacker.io.saving import OUTPUT_SUFFIXES, Saving
from stacker.outputs.registered import Laid, RegisteredFrames, picture_window
from stacker.result import Stack

__all__ = ["FRAMES_RECORD", "write_frames"]

FRAMES_RECORD = "registered.json"
"""Tells what the files of such a folder are; the frames are named after it, so that it sorts behind them."""

_FORMAT, _VERSION = "focusrig-registered-frames", 1


def write_frames(
    stack: Stack,
    folder: Path | str,
    *,
    suffix: str = ".tif",
    saving: Saving | None = None,
    progress: Callable[[int, int, str], None] | None = None,
    tell: Callable[[str], None] | None = None,
) -> list[Path]:
    """Write the frames of a stack as they lie on its picture, all of one size, in order of their names.

    What a frame does not reach is filled with its own mirror image, as the fusions do: an edge to black would
    look sharp to another stacker.

    Parameters
    ----------
    stack : Stack
        Its frames are files; those that were left out are left out here.
    folder : Path or str
        Is made, complete or not at all; an older one of the same kind is replaced.
    suffix : str
        ``.tif``, ``.png`` or ``.jpg``.
    saving : Saving, optional
        As in `stacker.write_image`.
    progress : callable, optional
        Told of every frame.
    tell : callable, optional
        Told what became of the colours, each sentence once.

    Returns
    -------
    list of Path
        The frames, in order.

    Raises
    ------
    UserError
        When something else has the folder's name, it cannot be written, or frames were arrays.
    DataError
        When a frame is gone or has changed, or the disk is full.
    """
    folder = Path(folder)
    if suffix not in OUTPUT_SUFFIXES:
        raise UserError(f"Frames are written as {', '.join(OUTPUT_SUFFIXES)}, not {suffix}")
    if saving is not None:
        saving.check(folder / f"frame{suffix}")
    if (
        folder.exists()
        and not (folder / FRAMES_RECORD).is_file()
        and (not folder.is_dir() or any(folder.iterdir()))
    ):
        raise UserError(f"{folder} is there already and holds other things: name a new folder")
    frames = RegisteredFrames(stack)
    if any(frames.source(place).path.resolve().parent == folder.resolve() for place in frames.places):
        raise UserError(f"{folder} is where the frames are: name another folder")
    try:
        part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".stacker-"))
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror} ({folder.parent})") from error
    try:
        names, notes = _fill(part, stack, frames, suffix, saving, progress)
        publish_folder(part, folder)
    except OSError as error:
        raise storage_error(error, folder) from error
    except DataError as error:
        raise DataError(str(error).replace(str(part), str(folder))) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    if tell is not None:
        for note in notes:
            tell(note)
    return [folder / name for name in names]


def _fill(
    part: Path,
    stack: Stack,
    frames: RegisteredFrames,
    suffix: str,
    saving: Saving | None,
    progress: Callable[[int, int, str], None] | None,
) -> tuple[list[str], list[str]]:
    """Write the files; returned are their names, and what was said of them."""
    canvas = picture_window(stack)
    digits = max(3, len(str(1 + max(report.index for report in stack.reports))))
    names, records = [], []
    said: dict[str, None] = {}
    with closing(frames.laid(canvas)) as laid_frames:
        for number, laid in enumerate(laid_frames, start=1):
            report = stack.reports[laid.place]
            names.append(f"{report.index + 1:0{digits}d}-{Path(report.name).stem}{suffix}")
            about = frame_metadata(stack, laid.place, laid.frame.metadata)
            notes = write_image(part / names[-1], _interleaved(laid), about, saving)
            said |= dict.fromkeys(notes)
            records.append(_record(stack, laid.place, names[-1], canvas))
            if progress is not None:
                progress(number, len(frames.places), report.name)
    table = {
        "format": _FORMAT,
        "version": _VERSION,
        "software": f"focusrig {installed_version('focusrig')}",
        "size_px": [canvas.width, canvas.height],
        "origin_px": [canvas.x, canvas.y],
        "frame_size_px": list(stack.frame_size),
        "frames": records,
    }
    (part / FRAMES_RECORD).write_text(json.dumps(table, indent=1) + "\n", "utf-8")
    return names, list(said)


def _interleaved(laid: Laid) -> Image:
    return np.asarray(cv2.merge(list(laid.planes)))


def _record(stack: Stack, place: int, name: str, canvas: Window) -> dict[str, Any]:
    report = stack.reports[place]
    corners = corners_in_reference(report.matrix, stack.frame_size) - (canvas.x, canvas.y)
    return {
        "file": name,
        "index": report.index,
        "name": report.name,
        "position_mm": report.position_mm,
        "transform": list(report.transform),
        "gain": list(report.gain),
        "offset": list(report.offset),
        "corners_px": [[round(float(x), 3), round(float(y), 3)] for x, y in corners],
    }
