"""The stack folder: a result with all that later commands need, versioned; see docs/stack-folder.md."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pydantic

from stacker.errors import DataError, StackerError, UserError
from stacker.frames import Frame, FrameMetadata, FrameSource, Image
from stacker.fusion.base import DepthIndex
from stacker.io.atomic import publish_folder, storage_error, sync
from stacker.io.decode import read_frame
from stacker.io.development import Recipe
from stacker.io.encode import write_image
from stacker.io.tiff import write_plane
from stacker.options import Options
from stacker.registration.chain import Verdict
from stacker.registration.rail import PupilFit
from stacker.result import Covered, FrameReport, Stack

__all__ = ["STACK_FOLDER_VERSION", "load_stack", "made_by", "save_stack"]

STACK_FOLDER_VERSION = 1
"""What this software writes and the newest that it reads."""

_RECORD, _IMAGE, _VALID, _DEPTH, _CONFIDENCE = (
    "stack.json",
    "image.tif",
    "valid.png",
    "depth.tif",
    "confidence.tif",
)

_READERS = 4
"""Threads: as many as there are files."""

_Triple = tuple[float, float, float]
_Nine = tuple[float, float, float, float, float, float, float, float, float]


class _Record(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class _File(_Record):
    """A frame's file. ``path`` is relative to the stack folder; ``absolute`` is where it was."""

    path: str
    absolute: str
    size_bytes: int
    mtime_ns: int
    fingerprint: str
    orientation: int = pydantic.Field(ge=1, le=8)


class _FrameRecord(_Record):
    index: int
    name: str
    file: _File | None
    transform: _Nine
    scale: float
    rotation_deg: float
    shift_px: tuple[float, float]
    correlation: float
    misfit_px: float | None
    gain: _Triple
    offset: _Triple
    sharpness: float
    predicted: float = 0.0  # folders written before it was there are as good
    verdict: Verdict
    used: bool
    share: float
    seconds: float
    position_mm: float | None = None  # as above


class _PupilFit(_Record):
    pupil_distance_mm: float
    standard_error_mm: float
    steps_mm: tuple[float, ...]
    residuals_px: tuple[float, ...]


class _Covered(_Record):
    share: float
    box_px: tuple[int, int, int, int]


class _StackRecord(_Record):
    format: Literal["focusrig-stack"]
    version: int
    software: str
    created: str
    size_px: tuple[int, int]
    origin_px: tuple[int, int]
    frame_size_px: tuple[int, int]
    noise_sigma: float
    method: str
    reason: str
    options: dict[str, Any]
    frames: tuple[_FrameRecord, ...]
    pupil_fit: _PupilFit | None
    has_depth: bool
    covered: _Covered | None = None  # folders written before it was there are as good
    recipe: Recipe | None = None  # folders written before RAW files were read are as good


def save_stack(stack: Stack, folder: Path, later: Path | None = None) -> None:
    """Write a stack folder as a whole: under a temporary name beside it, then renamed.

    Parameters
    ----------
    stack : Stack
        The result.
    folder : Path
        An older stack folder of that name is replaced.
    later : Path, optional
        Where it is moved to afterwards: from there its frames are found.

    Raises
    ------
    UserError
        When something else has that name, or nothing may be written there.
    DataError
        When the disk is full or the write fails.
    """
    if folder.exists() and not (folder / _RECORD).is_file():
        raise UserError(f"{folder} is there already and is no stack folder; it is not replaced")
    try:
        part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".stacker-"))
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror} ({folder.parent})") from error
    try:
        _fill(part, stack, later or folder)
        publish_folder(part, folder)
    except StackerError as error:
        # Named by the place it had for the moment.
        raise DataError(str(error).replace(str(part), str(folder))) from error
    except OSError as error:
        raise storage_error(error, folder) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def made_by(folder: Path | str) -> tuple[str, str]:
    """What software wrote a stack folder, and when, as ISO 8601.

    Raises
    ------
    UserError, DataError
        As `load_stack`.
    """
    record = _record_in(Path(folder))
    return record.software, record.created


def load_stack(folder: Path | str, frames: Path | str | None = None) -> Stack:
    """Read a stack folder.

    Files of frames are looked for relative to the folder, then where they were; whether they are still the
    same is for `FrameSource.fingerprint` to tell.

    Parameters
    ----------
    folder : Path or str
        What `Stack.save_folder` has written.
    frames : Path or str, optional
        The folder that the frames are in now: they are looked for there, by their names, and nowhere else.

    Raises
    ------
    UserError
        When it is no stack folder, or there is no such folder of frames.
    DataError
        When it is damaged or of a newer version.
    """
    folder = Path(folder)
    home = None if frames is None else Path(frames)
    if home is not None and not home.is_dir():
        raise UserError(f"There is no folder {home}, so the frames cannot be in it")
    record = _record_in(folder)
    picture, valid, depth = _planes_in(folder, record.has_depth)
    if (picture.width, picture.height) != record.size_px:
        raise DataError(f"{folder / _IMAGE} has been changed: it is not {record.size_px} px any more")
    return Stack(
        image=picture.pixels,
        valid=valid.pixels[..., 0] > 0,
        origin_px=record.origin_px,
        reports=tuple(_report(frame) for frame in record.frames),
        shares=tuple(frame.share for frame in record.frames),
        sources=tuple(_source(frame.file, folder, home, record.recipe) for frame in record.frames),
        depth=depth,
        noise_sigma=record.noise_sigma,
        method=record.method,
        reason=record.reason,
        frame_size=record.frame_size_px,
        options=pydantic.TypeAdapter(Options).validate_python(record.options),
        pupil_fit=None if record.pupil_fit is None else PupilFit(**record.pupil_fit.model_dump()),
        metadata=picture.metadata,
        covered=None if record.covered is None else Covered(**record.covered.model_dump()),
    )


def _planes_in(folder: Path, has_depth: bool) -> tuple[Frame, Frame, DepthIndex | None]:
    """The picture, where it is valid, and its depth: side by side, since each is inflated by one thread."""
    with ThreadPoolExecutor(_READERS, "stacker-folder") as pool:
        planes = [pool.submit(_plane, folder / name) for name in (_DEPTH, _CONFIDENCE) if has_depth]
        picture, valid = (pool.submit(read_frame, folder / name) for name in (_IMAGE, _VALID))
        depth = DepthIndex(*(plane.result() for plane in planes)) if has_depth else None
        return picture.result(), valid.result(), depth


def _record_in(folder: Path) -> _StackRecord:
    try:
        content = (folder / _RECORD).read_bytes()
    except OSError as error:
        raise UserError(f"{folder} is no stack folder: it has no {_RECORD}") from error
    return _parsed(content, folder)


def _parsed(content: bytes, folder: Path) -> _StackRecord:
    try:
        table = pydantic.TypeAdapter(dict[str, Any]).validate_json(content)
    except pydantic.ValidationError as error:
        raise DataError(f"{folder / _RECORD} is damaged: it is no JSON object") from error
    version = table.get("version")
    if isinstance(version, int) and version > STACK_FOLDER_VERSION:
        raise DataError(
            f"{folder} has version {version} of the stack folder, written by {table.get('software')}; this "
            f"software reads versions up to {STACK_FOLDER_VERSION}: update it"
        )
    try:
        return _StackRecord.model_validate(table)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DataError(f"{folder / _RECORD} is damaged: {where}: {first['msg']}") from error


def _fill(part: Path, stack: Stack, folder: Path) -> None:
    write_image(part / _IMAGE, stack.image, stack.metadata)
    valid = stack.valid.astype(np.uint8) * np.uint8(255)
    write_image(part / _VALID, np.broadcast_to(valid[..., None], (*valid.shape, 3)), FrameMetadata(grey=True))
    if stack.depth is not None:
        write_plane(part / _DEPTH, stack.depth.index.astype(np.float32, copy=False))
        write_plane(part / _CONFIDENCE, stack.depth.confidence.astype(np.float32, copy=False))
    record = part / _RECORD
    record.write_text(_record_of(stack, folder).model_dump_json(indent=1) + "\n", "utf-8")
    for file in part.iterdir():
        sync(file)


def _record_of(stack: Stack, folder: Path) -> _StackRecord:
    height, width = stack.image.shape[:2]
    frames = tuple(
        _frame_record(report, share, source, folder)
        for report, share, source in zip(stack.reports, stack.shares, stack.sources, strict=True)
    )
    return _StackRecord(
        format="focusrig-stack",
        version=STACK_FOLDER_VERSION,
        software=f"focusrig {installed_version('focusrig')}",
        created=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        size_px=(width, height),
        origin_px=stack.origin_px,
        frame_size_px=stack.frame_size,
        noise_sigma=stack.noise_sigma,
        method=stack.method,
        reason=stack.reason,
        options=pydantic.TypeAdapter(Options).dump_python(stack.options, mode="json"),
        frames=frames,
        pupil_fit=None if stack.pupil_fit is None else _PupilFit(**asdict(stack.pupil_fit)),
        covered=None if stack.covered is None else _Covered(**asdict(stack.covered)),
        has_depth=stack.depth is not None,
        recipe=next((source.recipe for source in stack.sources if source is not None), None),
    )


def _frame_record(
    report: FrameReport, share: float, source: FrameSource | None, folder: Path
) -> _FrameRecord:
    return _FrameRecord.model_validate(
        {
            **{name: getattr(report, name) for name in _FrameRecord.model_fields if hasattr(report, name)},
            "misfit_px": report.misfit_px if np.isfinite(report.misfit_px) else None,
            "file": None if source is None else _file_record(source, folder),
            "share": share,
        }
    )


def _file_record(source: FrameSource, folder: Path) -> dict[str, Any]:
    absolute = source.path.absolute()
    return {
        "path": Path(os.path.relpath(absolute, folder.absolute())).as_posix(),
        "absolute": str(absolute),
        "size_bytes": source.size_bytes,
        "mtime_ns": source.mtime_ns,
        "fingerprint": source.fingerprint,
        "orientation": source.orientation,
    }


def _report(frame: _FrameRecord) -> FrameReport:
    kept = frame.model_dump(exclude={"file", "share"})
    kept["misfit_px"] = float("inf") if frame.misfit_px is None else frame.misfit_px
    return FrameReport(**kept)


def _source(file: _File | None, folder: Path, home: Path | None, recipe: Recipe | None) -> FrameSource | None:
    if file is None:
        return None
    beside = Path(os.path.normpath(folder.absolute() / file.path))
    path = beside if beside.exists() else Path(file.absolute)
    if home is not None:
        path = home / beside.name
    return FrameSource(path, file.size_bytes, file.mtime_ns, file.fingerprint, file.orientation, recipe)


def _plane(path: Path) -> Image:
    import tifffile

    try:
        return np.asarray(tifffile.imread(path), np.float32)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
