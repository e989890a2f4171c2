"""Pictures as a body writes them, and another program that drops them into a folder, well or badly."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import exiv2
import numpy as np
import tifffile
from PIL import Image

__all__ = ["Dropper", "dng", "jpeg"]

_PROGRAM = """
import json, os, sys, time
folder, steps = sys.argv[1], json.loads(sys.argv[2])
for kind, *rest in steps:
    if kind == "sleep":
        time.sleep(rest[0])
    elif kind == "rename":
        os.rename(os.path.join(folder, rest[0]), os.path.join(folder, rest[1]))
    else:
        name, source, pieces, pause, share = rest
        data = open(source, "rb").read()
        data = data[:int(len(data) * share)]
        size = -(-len(data) // pieces)
        with open(os.path.join(folder, name), "wb") as out:
            for at in range(0, len(data), size):
                out.write(data[at:at + size])
                out.flush()
                time.sleep(pause)
print("done", flush=True)
"""


def jpeg(
    seed: int = 1, *, taken: float | None = None, body: str = "ILCE-7M4", shutter: str = "1/125",
    subsec: bool = True,
) -> bytes:  # fmt: skip
    """A small JPEG; `taken` is a moment, s since the epoch, that goes into its EXIF in local time."""
    pixels = np.random.default_rng(seed).integers(0, 255, (32, 48, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((240, 160)).save(buffer, "JPEG", quality=90)
    if taken is None:
        return buffer.getvalue()
    moment = datetime.fromtimestamp(taken)  # noqa: DTZ006  (a body knows no zone)
    data = exiv2.ExifData()
    data["Exif.Image.Make"] = "SONY"
    data["Exif.Image.Model"] = body
    data["Exif.Photo.ExposureTime"] = shutter
    data["Exif.Photo.ISOSpeedRatings"] = "100"
    data["Exif.Photo.DateTimeOriginal"] = moment.strftime("%Y:%m:%d %H:%M:%S")
    if subsec:
        data["Exif.Photo.SubSecTimeOriginal"] = f"{moment.microsecond // 1000:03d}"
    image = exiv2.ImageFactory.open(buffer.getvalue())
    image.setExifData(data)
    image.writeMetadata()
    return bytes(image.io().data())


def dng(seed: int = 1) -> bytes:
    """Raw data in a TIFF, as most makers have it."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.random.default_rng(seed).integers(0, 4095, (64, 96), np.uint16))
    return buffer.getvalue()


class Dropper:
    """Another program's steps; they run in a process of their own from `go` on."""

    def __init__(self, folder: Path, scratch: Path) -> None:
        self._folder, self._scratch = folder, scratch
        self._steps: list[list[Any]] = []
        self._processes: list[subprocess.Popen[str]] = []

    def write(
        self, name: str, data: bytes, *, pieces: int = 1, pause: float = 0.0, share: float = 1.0
    ) -> Dropper:
        source = self._scratch / f"source_{len(list(self._scratch.iterdir()))}"
        source.write_bytes(data)
        self._steps.append(["write", name, str(source), pieces, pause, share])
        return self

    def rename(self, name: str, to: str) -> Dropper:
        self._steps.append(["rename", name, to])
        return self

    def sleep(self, seconds: float) -> Dropper:
        self._steps.append(["sleep", seconds])
        return self

    def go(self) -> None:
        steps, self._steps = json.dumps(self._steps), []
        self._processes.append(
            subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _PROGRAM, str(self._folder), steps],
                stdout=subprocess.PIPE, text=True,
            )
        )  # fmt: skip

    def done(self) -> None:
        """Wait until every step so far has been made."""
        for process in self._processes:
            out, _ = process.communicate(timeout=30)
            assert out == "done\n"
        self._processes.clear()
