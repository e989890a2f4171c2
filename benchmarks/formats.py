"""Every kind of file that is written, opened by programs that are not ours.

Run ``python -m benchmarks.formats [FRAME] [--only NAME...] [--no-gimp] [--speed 24] [--big]``. One picture is
written in every format, depth, compression and colour space; each file is opened by all programs found on the
machine. Printed are what each said, and the mean and largest difference of the colours that it shows from
those of the picture, in 1/255 of white in sRGB (where the file can hold them: a JPEG is near).

``--speed`` then writes a picture of that many megapixels in every format: our time, and that of the library
alone with the same samples. ``--big`` writes a TIFF of more than 4 GB, and opens it.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
import tifffile

from benchmarks.opened import CONVERTERS, VIEWERS, Refused
from stacker import Chroma, Compression, FrameMetadata, Saving, as_frame, find_space, read_frame, write_image
from stacker.colour.convert import convert_colours, convert_depth
from stacker.colour.profiles import profile_of
from stacker.colour.spaces import ADOBE_RGB, SRGB

__all__ = ["main"]

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Kind:
    """A file to write."""

    name: str
    file: str
    saving: Saving
    bits: int = 8
    icc: bytes | None = None
    grey: bool = False


_P3, _PROPHOTO = find_space("p3"), find_space("prophoto")

KINDS = (
    Kind("TIFF 8", "a.tif", Saving()),
    Kind("TIFF 16 LZW, sRGB", "b.tif", Saving(colour_space=SRGB, compression=Compression.LZW), 16),
    Kind("TIFF 16 plain, P3", "c.tif", Saving(colour_space=_P3, compression=Compression.NONE), 16),
    Kind("TIFF 16 deflate, ProPhoto", "d.tif", Saving(colour_space=_PROPHOTO), 16),
    Kind(
        "TIFF 16 zstd, Adobe RGB", "e.tif", Saving(colour_space=ADOBE_RGB, compression=Compression.ZSTD), 16
    ),
    Kind("TIFF float, sRGB", "f.tif", Saving(colour_space=SRGB, bit_depth=32), 16),
    Kind("TIFF 16 grey, sRGB", "g.tif", Saving(colour_space=SRGB), 16, grey=True),
    Kind("PNG 8", "h.png", Saving()),
    Kind("PNG 16, Adobe RGB", "i.png", Saving(colour_space=ADOBE_RGB), 16),
    Kind("JPEG 4:4:4", "j.jpg", Saving()),
    Kind("JPEG 4:2:2, P3", "k.jpg", Saving(colour_space=_P3, chroma=Chroma.HALF)),
    Kind("JPEG 4:2:0, quality 80", "l.jpg", Saving(chroma=Chroma.QUARTER, quality=80)),
    Kind("DNG of 8 bits", "m.dng", Saving()),
    Kind("DNG of 16 bits in Adobe RGB", "n.dng", Saving(), 16, ADOBE_RGB.icc),
)


def main(say: Callable[[str], object] = print) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("frame", nargs="?", type=Path, help="a picture; colours of all sRGB by default")
    parser.add_argument("--only", nargs="*", default=[], help="programs")
    parser.add_argument("--no-gimp", action="store_true", help="which takes some seconds a file")
    parser.add_argument("--speed", type=float, metavar="MEGAPIXELS")
    parser.add_argument("--big", action="store_true")
    parser.add_argument("--keep", type=Path, help="a folder for the files")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        home = asked.keep or Path(temporary)
        if asked.speed:
            _speed(asked.speed, home, say)
        elif asked.big:
            _big(home, say)
        else:
            leave_out = {"GIMP"} if asked.no_gimp else set()
            _formats(asked.frame, home, set(asked.only), leave_out, say)


def _formats(
    path: Path | None, home: Path, only: set[str], leave_out: set[str], say: Callable[[str], object]
) -> None:
    frame = as_frame(_all_colours()) if path is None else read_frame(path)
    for kind in KINDS:
        metadata = FrameMetadata(kind.icc, frame.metadata.sidecar, grey=kind.grey)
        pixels = convert_depth(frame.pixels, kind.bits)
        file = home / kind.file
        write_image(file, pixels, metadata, kind.saving)
        wanted = _wanted(pixels, metadata)
        say(f"{kind.name} ({file.name}, {file.stat().st_size / 1e6:.1f} MB)")
        for name, (command, program) in (CONVERTERS if file.suffix == ".dng" else VIEWERS).items():
            if (only and name not in only) or name in leave_out:
                continue
            if command and shutil.which(command) is None:
                say(f"  {name:12} not installed")
                continue
            try:
                told, shown = program(file, home)
            except (Refused, OSError, ValueError) as error:
                told, shown = f"REFUSED: {error}", None
            say(f"  {name:12} {_apart(shown, wanted)}  {told}")


def _all_colours(width: int = 720, height: int = 480) -> Array:
    """Ramps through sRGB with fine detail, 16 bits."""
    across, down = np.meshgrid(np.linspace(0.02, 0.98, width), np.linspace(0.02, 0.98, height))
    colours = np.stack([across, down, 1 - across * down], axis=-1)
    colours += np.random.default_rng(2).normal(0, 0.01, colours.shape)
    return np.asarray((np.clip(colours, 0, 1) * 65535).astype(np.uint16))


def _wanted(pixels: Array, metadata: FrameMetadata) -> Array:
    if metadata.grey:
        return np.repeat(pixels[..., 1:2], 3, axis=2).astype(np.float32) / np.float32(257)
    return convert_colours(pixels, profile_of(metadata), SRGB.icc, 32).pixels.clip(0, 1) * np.float32(255)


def _apart(shown: Array | None, wanted: Array) -> str:
    if shown is None:
        return " " * 16
    if shown.shape != wanted.shape:
        return f"{shown.shape[1]} x {shown.shape[0]} px!"
    off = np.abs(shown - wanted)
    return f"{off.mean():6.2f} {off.max():6.2f}   "


def _speed(megapixels: float, home: Path, say: Callable[[str], object]) -> None:
    height = round((megapixels * 1e6 / 1.5) ** 0.5)
    noisy = _all_colours(1200, 800)
    picture = cv2.resize(noisy, (round(1.5 * height), height), interpolation=cv2.INTER_LANCZOS4)
    say(f"{megapixels:g} megapixels; seconds of processor time: ours, the library's alone; MB")
    for kind in KINDS:
        pixels = convert_depth(picture, kind.bits)
        metadata = FrameMetadata(kind.icc, grey=kind.grey)
        file = home / kind.file
        ours = _seconds(lambda: write_image(file, pixels, metadata, kind.saving))  # noqa: B023 - at once
        bare = _seconds(lambda: _bare(file, pixels, kind))  # noqa: B023
        size = file.stat().st_size / 1e6
        say(f"  {kind.name:28} {ours:6.2f} {bare:6.2f}  x {ours / max(bare, 0.01):4.1f}   {size:6.0f}")
        file.unlink()


def _bare(path: Path, pixels: Array, kind: Kind) -> None:
    """What the library takes for the same samples, without profile, EXIF, conversion and flushing."""
    samples = pixels[..., 1] if kind.grey else pixels
    if path.suffix == ".png":
        path.write_bytes(imagecodecs.png_encode(samples, level=1))
    elif path.suffix == ".jpg":
        chroma, quality = kind.saving.chroma or Chroma.FULL, kind.saving.quality or 95
        path.write_bytes(imagecodecs.jpeg8_encode(samples, level=quality, subsampling=chroma.value))
    elif path.suffix == ".dng":
        more = {"lossless": True, "predictor": 1, "bitspersample": 16, "colorspace": "rgb"}
        more |= {"outcolorspace": "rgb", "level": 0}
        deep = convert_depth(samples, 16)
        tifffile.imwrite(path, deep, photometric=34892, tile=(512, 512), compression=7, compressionargs=more)
    else:
        deep = convert_depth(samples, kind.saving.bit_depth or kind.bits)
        how = kind.saving.compression or Compression.DEFLATE
        level = {Compression.DEFLATE: {"level": 1}, Compression.ZSTD: {"level": 3}}.get(how)
        tifffile.imwrite(
            path,
            deep,
            photometric="minisblack" if kind.grey else "rgb",
            compression=None if how is Compression.NONE else how.value,
            compressionargs=level,
            predictor=how is not Compression.NONE,
            rowsperstrip=64,
        )


def _seconds(task: Callable[[], object]) -> float:
    began = time.process_time()
    task()
    return time.process_time() - began


def _big(home: Path, say: Callable[[str], object]) -> None:
    """27,000 × 27,000 px of 16 bits, uncompressed: 4.4 GB."""
    rows = np.repeat(_all_colours(1800, 900), 15, axis=1)
    picture = np.repeat(rows, 30, axis=0)
    path = home / "big.tif"
    metadata, saving = FrameMetadata(icc=SRGB.icc), Saving(compression=Compression.NONE)
    for note in write_image(path, picture, metadata, saving):
        say(note)
    with path.open("rb") as file:
        say(f"{path.stat().st_size:,} bytes, begins with {file.read(4)!r}")
    if shutil.which("exiftool"):
        say(f"  exiftool: {VIEWERS['exiftool'][1](path, home)[0]}")
    if shutil.which("vipsheader"):
        done = subprocess.run(["vipsheader", str(path)], capture_output=True, text=True, check=True)
        say(f"  libvips: {done.stdout.strip()}")
    same = bool(np.array_equal(read_frame(path).pixels[::977], picture[::977]))
    say(f"  read again: {'the same pixels' if same else 'OTHER PIXELS'}")


if __name__ == "__main__":
    main()
