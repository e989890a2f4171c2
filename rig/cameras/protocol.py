"""What passes between the rig and the process that owns a camera."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rig.cameras.bodies.profile import Release
from rig.cameras.frame_exif import FrameExif

__all__ = [
    "Connected",
    "FetchOrder",
    "Fetched",
    "FetchedFile",
    "Fired",
    "ReleaseOrder",
    "Request",
    "Response",
    "StorageSpace",
    "Trouble",
]


@dataclass(frozen=True)
class Request:
    """One call: a method of `rig.cameras.gphoto_session.GPhotoSession` and its arguments."""

    method: str
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Trouble:
    """Why a call failed.

    Parameters
    ----------
    kind : {"gphoto2", "storage", "missing", "broken", "surplus", "release", "card", "internal"}
        A code of libgphoto2; a file that could not be written; no file came; it is not whole; there are more
        than there can be; the body has no release without autofocus; the card is full; a mistake
        of the program.
    code : int
        libgphoto2's result, or the operating system's errno.
    text : str
        What was said.
    needed_bytes : int
        For storage: the size of what could not be written.
    """

    kind: str
    code: int
    text: str
    needed_bytes: int = 0


@dataclass(frozen=True)
class Response:
    """The outcome of a call."""

    value: Any = None
    trouble: Trouble | None = None


@dataclass(frozen=True)
class Connected:
    """A camera that was connected to."""

    manufacturer: str
    model: str
    serial: str
    port: str


@dataclass(frozen=True)
class ReleaseOrder:
    """How to fire; all in real seconds.

    Parameters
    ----------
    how : Release
        What the body's release is called.
    exposure_s : float
        What the exposure takes.
    hold_s : float
        The button is held as long, which exposes as long where the shutter is set to bulb.
    to_card : bool
        Frames go to the card: a release that fails is held against the room there.
    settle_s : float
        So long files of earlier releases are waited for, and put aside, before.
    """

    how: Release
    exposure_s: float
    hold_s: float = 0.0
    to_card: bool = False
    settle_s: float = 0.0


@dataclass(frozen=True)
class Fired:
    """When the release was sent, s since the epoch, and whether the body may have fired twice."""

    at_s: float
    doubtful: bool = False


@dataclass(frozen=True)
class FetchOrder:
    """Which files to wait for, and where to put them.

    Parameters
    ----------
    directory : str
        Where the files are written.
    stem : str
        Their names without suffix.
    files : int
        How many one release gives.
    deadline_s : float
        Real seconds to wait for them.
    quiet_s : float
        Real seconds to look for a surplus file afterwards; with 0 none is looked for.
    old_numbers : tuple of int
        Numbers in the names of files that have come already: put aside when they come again.
    watched : tuple of str
        Configuration entries to be read afterwards: what is locked, and what runs out.
    """

    directory: str
    stem: str
    files: int
    deadline_s: float
    quiet_s: float = 0.0
    old_numbers: tuple[int, ...] = ()
    watched: tuple[str, ...] = ()


@dataclass(frozen=True)
class FetchedFile:
    """A file that was fetched, checked, written and flushed, and what it says of its exposure.

    ``level`` is the mean of a JPEG, 0 to 255.
    """

    path: str
    camera_name: str
    size_bytes: int
    sha256: str
    exif: FrameExif = field(default_factory=FrameExif)
    level: float | None = None


@dataclass(frozen=True)
class Fetched:
    """The files of one release, the picture that everybody can open first, and the watched entries."""

    files: tuple[FetchedFile, ...]
    watched: dict[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class StorageSpace:
    """A card in the body: its name, its size and the room left, None where the body does not say."""

    label: str
    capacity_bytes: int | None
    free_bytes: int | None
