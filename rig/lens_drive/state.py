"""What outlives a session of a lens that is driven: the count of its drive, the far mark, and the picture.

No body tells whether its lens was turned by hand, changed or switched off meanwhile. So the count is kept
with the body's serial number, the name of the lens, the step that is a unit, and the picture of live view;
when one of them is another, the count is void.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, PositiveInt, ValidationError

from rig.cameras.base import CameraInfo
from rig.lens_drive.focus_change import Look
from rig.lens_drive.focus_watch import LiveWatch
from rig.state import state_file, write_state

__all__ = ["LensCount", "LensState"]

_PARTS = 256
"""Of a grey level, in the picture that is kept."""


class LensCount(BaseModel):
    """A count as it is kept.

    Attributes
    ----------
    model, serial, lens, focus_step
        What it holds for.
    units : int or None
        Where the focus stands, counted from the near mark; None while a drive is under way.
    far : int or None
        The far mark.
    at : str
        When it was written.
    picture : str
        Live view there, averaged in two halves, one above the other: a PNG in grey, 16 bits, base64.
    picture_frames : tuple of int
        Frames in each half.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: Literal[1] = 1
    model: str
    serial: str
    lens: str | None
    focus_step: int
    units: int | None
    far: int | None = None
    at: str
    picture: str
    picture_frames: tuple[PositiveInt, PositiveInt]


def _encode_look(look: Look) -> str:
    """A look as text, its halves one above the other; parts of levels are kept, for rounding is noise too."""
    both = look.halves.reshape(-1, look.halves.shape[2])
    done, data = cv2.imencode(".png", np.round(np.clip(both, 0, 255) * _PARTS).astype(np.uint16))
    assert done
    return base64.b64encode(data.tobytes()).decode()


def _decode_look(text: str, frames: tuple[int, int]) -> Look | None:
    data = cv2.imdecode(np.frombuffer(base64.b64decode(text), np.uint8), cv2.IMREAD_UNCHANGED)
    if data is None or data.dtype != np.uint16 or data.ndim != 2 or len(data) % 2:
        return None
    both = data.astype(np.float32) / _PARTS
    return Look(both.reshape(2, len(both) // 2, -1), frames)


@dataclass(frozen=True)
class LensState:
    """Where the count of one body is kept.

    Parameters
    ----------
    info : CameraInfo
        The body, with its lens.
    focus_step : int
        The step that is a unit.
    folder : Path, optional
        Instead of the user's state folder.
    """

    info: CameraInfo
    focus_step: int
    folder: Path | None = None

    @property
    def _path(self) -> Path:
        return state_file("lenses", f"{self.info.model}-{self.info.serial}", self.folder)

    def valid(self, watch: LiveWatch) -> tuple[LensCount | None, str]:
        """The count that holds for what is seen now, or None and why there is none."""
        try:
            kept = LensCount.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return None, "nothing has been marked on this body"
        except (OSError, ValidationError):
            return None, "the file of the count cannot be read"
        why = self._void(kept, watch)
        return (None, why) if why else (kept, "")

    def _void(self, kept: LensCount, watch: LiveWatch) -> str:
        if kept.lens != self.info.lens:
            return f"the marks were made with another lens, {kept.lens or 'without a name'}"
        if kept.focus_step != self.focus_step:
            return f"the marks count steps of size {kept.focus_step}, and focus_step is {self.focus_step}"
        if kept.units is None:
            return f"a drive was broken off after {kept.at}"
        then = _decode_look(kept.picture, kept.picture_frames)
        if then is None or not watch.same_as(then):
            return (
                f"live view shows another picture than at {kept.at}: the focus was turned, the body switched "
                "off, or something moved"
            )
        return ""

    def keep(self, units: int | None, far: int | None, look: Look) -> LensCount:
        """Write where the focus stands, whole or not at all; None while it is driven."""
        count = LensCount(
            model=self.info.model,
            serial=self.info.serial,
            lens=self.info.lens,
            focus_step=self.focus_step,
            units=units,
            far=far,
            at=datetime.now().astimezone().isoformat(timespec="seconds"),
            picture=_encode_look(look),
            picture_frames=look.frames,
        )
        write_state(self._path, count.model_dump_json(indent=1))
        return count
