"""Programs that we did not write, opening pictures that we wrote: what they say, and what colours they see.

Each is a function of a file and a scratch folder. It returns what the program said, in a few words, and the
picture as it understands it in sRGB, or None where it shows none.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageCms
import tifffile

from stacker.colour.spaces import SRGB

__all__ = ["CONVERTERS", "VIEWERS", "Opened", "Refused"]

Array = np.ndarray[Any, np.dtype[Any]]
Opened = tuple[str, Array | None]
_Program = Callable[[Path, Path], Opened]

_DEADLINE_S = 300


class Refused(RuntimeError):  # noqa: N818 - reads as what happened
    """The program did not open the file; the message has the end of what it said."""


def _run(*command: str | Path) -> str:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=_DEADLINE_S, check=False
    )
    if done.returncode:
        raise Refused((done.stderr or done.stdout).strip()[-200:])
    return done.stdout.strip()


def _in_255(pixels: Array) -> Array:
    white = 1.0 if pixels.dtype.kind == "f" else float(np.iinfo(pixels.dtype).max)
    plain = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
    return plain[..., :3].astype(np.float32) * np.float32(255 / white)


def _shown(path: Path) -> Array:
    if path.suffix == ".tif":
        return _in_255(np.asarray(tifffile.imread(path)))
    with PIL.Image.open(path) as image:
        return _in_255(np.asarray(image.convert("RGB") if image.mode == "P" else image))


def _exiftool(path: Path, scratch: Path) -> Opened:  # noqa: ARG001
    asked = "FileType", "ImageSize", "BitsPerSample", "Compression", "ProfileDescription", "Warning", "Error"
    (said,) = json.loads(_run("exiftool", "-j", "-validate", *(f"-{name}" for name in asked), path))
    parts = [str(said[name]) for name in (*asked, "Validate") if name in said]
    return " · ".join(parts), None


def _exiv2(path: Path, scratch: Path) -> Opened:  # noqa: ARG001
    said = _run("exiv2", "-g", "Exif.Photo.ColorSpace", "-g", "Exif.Image.ProcessingSoftware", "-Pkt", path)
    return re.sub(r"\s+", " ", said.replace("\n", " · ")), None


def _imagemagick(path: Path, scratch: Path) -> Opened:
    program = shutil.which("magick") or shutil.which("convert-im6.q16") or "convert-im6"
    first, out, profile = f"{path}[0]", scratch / "im.tif", scratch / "srgb.icc"
    profile.write_bytes(SRGB.icc)
    told = _run(program, first, "-format", "%m %w x %h, %z bit, %[profile:icc]", "info:")
    _run(program, first, "-intent", "Relative", "-profile", profile, "-depth", "16", "-compress", "none", out)
    return told, _shown(out)


def _vips(path: Path, scratch: Path) -> Opened:
    out = scratch / "vips.tif"
    told = _run("vipsheader", path).partition(": ")[2]
    if "icc-profile-data" not in _run("vipsheader", "-a", path):
        _run("vips", "copy", path, out)
    else:
        _run(
            "vips", "icc_transform", path, out, "srgb", "--embedded", "--intent", "relative", "--depth", "16"
        )
    return told, _shown(out)


def _pillow(path: Path, scratch: Path) -> Opened:  # noqa: ARG001
    with PIL.Image.open(path) as image:
        image.load()
        profile = image.info.get("icc_profile")
        told = f"{image.format} {image.mode} {image.size[0]} x {image.size[1]}"
        if image.mode not in {"RGB", "L"}:
            return told, None
        if profile and image.mode == "RGB":
            source = PIL.ImageCms.ImageCmsProfile(io.BytesIO(profile))
            target = PIL.ImageCms.ImageCmsProfile(io.BytesIO(SRGB.icc))
            intent = PIL.ImageCms.Intent.RELATIVE_COLORIMETRIC
            shown = np.asarray(PIL.ImageCms.profileToProfile(image, source, target, intent))
            return f"{told}, {PIL.ImageCms.getProfileDescription(source).strip()}", _in_255(shown)
        return told, None if profile else _in_255(np.asarray(image))


def _gimp(path: Path, scratch: Path) -> Opened:
    out, profile = scratch / "gimp.png", scratch / "srgb.icc"
    profile.write_bytes(SRGB.icc)
    out.unlink(missing_ok=True)
    script = (
        f'(let* ((image (car (gimp-file-load RUN-NONINTERACTIVE "{path}" "{path}"))))'
        f" (if (= RGB (car (gimp-image-base-type image)))"
        f' (gimp-image-convert-color-profile-from-file image "{profile.as_uri()}" 1 TRUE))'
        f' (gimp-file-save RUN-NONINTERACTIVE image (car (gimp-image-flatten image)) "{out}" "{out}"))'
    )
    _run("gimp", "-i", "-d", "-f", "-b", script, "-b", "(gimp-quit 0)")
    if not out.exists():
        raise Refused("GIMP wrote nothing")
    return "opened and converted to sRGB", _shown(out)


def _rawpy(path: Path, scratch: Path) -> Opened:  # noqa: ARG001
    import rawpy

    with rawpy.imread(str(path)) as raw:
        shown = raw.postprocess(
            use_camera_wb=True,
            no_auto_bright=True,
            adjust_maximum_thr=0,
            output_bps=16,
            gamma=(2.4, 12.92),
            output_color=rawpy.ColorSpace.sRGB,
        )
        return f"LibRaw {'.'.join(map(str, rawpy.libraw_version))}: {raw.num_colors} colours", _in_255(shown)


def _dcraw(path: Path, scratch: Path) -> Opened:
    copy = scratch / "dcraw.dng"
    shutil.copy(path, copy)
    told = _run("dcraw", "-i", path)
    _run("dcraw", "-w", "-W", "-6", "-T", "-o", "1", "-g", "2.4", "12.92", copy)
    return told.rpartition("/")[2], _shown(copy.with_suffix(".tiff").rename(scratch / "dcraw.tif"))


def _rawtherapee(path: Path, scratch: Path) -> Opened:
    out = scratch / "rt.tif"
    _run("rawtherapee-cli", "-o", out, "-t", "-b16", "-Y", "-c", path)
    return "its neutral profile", _shown(out)


def _darktable(path: Path, scratch: Path) -> Opened:
    out = scratch / "dt.png"
    out.unlink(missing_ok=True)
    core = "--core", "--library", ":memory:", "--configdir", scratch / "darktable"
    _run("darktable-cli", path, out, *core)
    return "its own tone curve on top", _shown(out)


VIEWERS: dict[str, tuple[str, _Program]] = {
    "exiftool": ("exiftool", _exiftool),
    "exiv2": ("exiv2", _exiv2),
    "ImageMagick": ("convert-im6.q16", _imagemagick),
    "libvips": ("vips", _vips),
    "GIMP": ("gimp", _gimp),
    "Pillow": ("", _pillow),
}
"""What opens pictures: the command that has to be there, and how it is asked."""

CONVERTERS: dict[str, tuple[str, _Program]] = {
    "exiftool": ("exiftool", _exiftool),
    "exiv2": ("exiv2", _exiv2),
    "rawpy": ("", _rawpy),
    "dcraw": ("dcraw", _dcraw),
    "RawTherapee": ("rawtherapee-cli", _rawtherapee),
    "darktable": ("darktable-cli", _darktable),
}
"""What develops RAW files."""
