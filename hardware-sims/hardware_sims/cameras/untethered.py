"""A body without a cable to the rig: something presses its release, and its files turn up in a folder.

That is a body on another program's tether, or one with a wireless card: the folder sees each file grow.
"""

from __future__ import annotations

from pathlib import Path

from hardware_sims.cameras.exposure import BodyTiming, ExposureSettings, Picture, Shutter, World
from hardware_sims.clock import SimClock

__all__ = ["UntetheredBody"]

_PIECES = 4
"""A file comes in so many writes, with a pause after each, as over a slow network."""


class UntetheredBody:
    """Exposes at every press and writes ``DSC00001.JPG`` and on.

    Parameters
    ----------
    world, clock, timing
        What is in front of it, bench time, and its delays.
    settings : ExposureSettings
        What its dials are set to.
    folder : Path
        Where its files go; made when absent.
    transfer_s : float
        How long a file takes to be written, bench seconds.
    """

    def __init__(
        self,
        world: World,
        clock: SimClock,
        timing: BodyTiming,
        settings: ExposureSettings,
        folder: Path,
        *,
        transfer_s: float = 0.4,
    ) -> None:
        self._clock, self._settings, self._folder = clock, settings, folder
        self._transfer_s = transfer_s
        folder.mkdir(parents=True, exist_ok=True)
        self._shutter = Shutter(world, clock, timing, self._write)

    def contact(self, closed: bool) -> None:
        """The release's contact; closing it fires, a body that is busy does not react."""
        if closed and not self._shutter.is_busy:
            self._shutter.release(self._settings)

    def _write(self, picture: Picture) -> None:
        data = picture.photo.jpeg
        size = -(-len(data) // _PIECES)
        with (self._folder / f"DSC{picture.number:05d}.JPG").open("wb") as out:
            for at in range(0, len(data), size):
                out.write(data[at : at + size])
                out.flush()
                self._clock.sleep(self._transfer_s / _PIECES)

    def close(self) -> None:
        """Switch it off."""
        self._shutter.close()
