"""RAW files: opened by LibRaw, developed by one recipe for the whole stack."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stacker.colour.curves import ToneCurve
from stacker.colour.spaces import SRGB, find_space
from stacker.errors import DataError
from stacker.frames import Image
from stacker.io.development import Development, Highlights, Recipe, SensorLevels, WhiteBalance
from stacker.io.illuminant import planckian_xyz
from stacker.io.raw_files import require_whole
from stacker.io.sensor.dust_mending import mend_dust_in_counts
from stacker.io.sensor.mosaic import mend

if TYPE_CHECKING:
    import rawpy

__all__ = ["counted_light", "develop", "levels_of", "opened", "orientation_of"]

_ORIENTATIONS = {0: 1, 1: 2, 2: 4, 3: 3, 4: 5, 5: 8, 6: 6, 7: 7}
"""EXIF orientation by LibRaw's flip, whose bits are: mirrored, upside down, transposed."""

_LIBRAW_SPACES = {"srgb": "sRGB", "p3": "P3D65", "adobe-rgb": "Adobe", "prophoto": "ProPhoto"}
"""LibRaw's names of the spaces whose primaries it knows."""

_UNBALANCED = (1.0, 1.0, 1.0, 1.0)

_LOWEST_WHITE = 0.5
"""Where the body says at which number its colours are full, it is at least half of what the format holds."""


@contextmanager
def opened(source: Path | bytes, name: str) -> Iterator[rawpy.RawPy]:
    """Open a RAW file and unpack what its sensor counted.

    Parameters
    ----------
    source : Path or bytes
        Where it is, or its content.
    name : str
        For messages.

    Raises
    ------
    DataError
        When it is cut off, damaged, or of a kind or a body that LibRaw does not know.
    """
    import rawpy  # half a second, for those who have RAW files

    require_whole(source, name)
    try:
        raw = rawpy.imread(io.BytesIO(source) if isinstance(source, bytes) else str(source))
    except rawpy.LibRawError as error:
        raise _refused(error, name) from error
    try:
        with raw:
            _require_colours(raw, name)
            yield raw
    except rawpy.LibRawError as error:
        raise _refused(error, name) from error


def levels_of(raw: rawpy.RawPy, camera: str, asked: Development) -> tuple[SensorLevels, str | None]:
    """Find the numbers by which the frames of a body are developed, but for a grey patch.

    Parameters
    ----------
    raw : rawpy.RawPy
        An opened frame.
    camera : str
        Its maker and model.
    asked : Development
        What is wanted.

    Returns
    -------
    tuple of SensorLevels and (str or None)
        And what a person should know of how they were found.
    """
    factors, note = _factors(raw, asked)
    red, green, blue, second = factors
    sizes = raw.sizes
    levels = SensorLevels(
        camera=camera,
        size_px=(int(sizes.width), int(sizes.height)),
        multipliers=(red / green, 1.0, blue / green, (second or green) / green),
        black=_four(raw.black_level_per_channel),
        white=_white(raw),
    )
    return levels, note


def counted_light(raw: rawpy.RawPy, levels: SensorLevels) -> Image:
    """The sensor's own colours in linear light, not balanced: (h, w, 3) float32, 1 where the sensor is full.

    As it lies in the body, cropped as `develop` does.
    """
    recipe = Recipe(SensorLevels(levels.camera, levels.size_px, (1, 1, 1, 1), levels.black, levels.white))
    pixels = _processed(raw, recipe, output_color="raw", gamma=(1.0, 1.0), demosaic="LINEAR")
    return np.asarray(pixels, np.float32) / np.float32(65535.0)


def develop(raw: rawpy.RawPy, recipe: Recipe, name: str) -> tuple[Image, int]:
    """Develop an opened frame.

    LibRaw balances, interpolates the mosaic (DHT: docs/raw.md has the figures), and takes the linear light of
    16 bits to the recipe's primaries. The curve of that space is laid over it in the same step, since frames
    are fused as they are encoded (docs/decisions/0006).

    Parameters
    ----------
    raw : rawpy.RawPy
        Its pixels that are to be mended are overwritten.
    recipe : Recipe
        With levels.
    name : str
        For messages.

    Returns
    -------
    tuple of ndarray of uint16, shape (H, W, 3) or (H, W), and int
        As it lies in the body, and its EXIF orientation.

    Raises
    ------
    DataError
        When the frame is another body's.
    """
    levels, sizes, orientation = recipe.levels, raw.sizes, orientation_of(raw)
    assert levels is not None
    if (sizes.width, sizes.height) != levels.size_px:
        told = "{} × {} px".format
        raise DataError(
            f"{name} cannot be developed as the others: its sensor has {told(sizes.width, sizes.height)}, "
            f"that of {levels.camera} {told(*levels.size_px)}"
        )
    if recipe.defects and raw.raw_pattern is not None:
        mend(raw.raw_image_visible, raw.raw_colors_visible, recipe.defects)
    if recipe.dust is not None and recipe.dust.raw and raw.raw_pattern is not None:
        mend_dust_in_counts(raw.raw_image_visible, raw.raw_colors_visible, levels, recipe.dust)
    space = find_space(recipe.space)
    pixels = _processed(raw, recipe, _LIBRAW_SPACES[space.key], _gamma(space.curve), "DHT")
    return pixels, orientation


def orientation_of(raw: rawpy.RawPy) -> int:
    """EXIF orientation of an opened frame; to be asked before it is developed, as LibRaw forgets it then."""
    return _ORIENTATIONS.get(int(raw.sizes.flip), 1)


def _gamma(curve: ToneCurve) -> tuple[float, float]:
    """As LibRaw wants it: the power, and the slope of the straight foot; both 1 for light itself."""
    return curve.gamma, 1.0 if curve.linear else 1 / curve.toe_slope if curve.toe else 0.0


def _processed(
    raw: rawpy.RawPy, recipe: Recipe, output_color: str, gamma: tuple[float, float], demosaic: str
) -> Image:
    """What LibRaw makes of it, with nothing decided by the content of this one frame."""
    import rawpy

    levels = recipe.levels
    assert levels is not None
    blend = recipe.highlights is Highlights.BLEND
    used = levels.multipliers
    black: dict[str, Any] = {}
    if _four(raw.black_level_per_channel) != levels.black:
        least = min(levels.black)
        black = {"user_black": least, "user_cblack": [value - least for value in levels.black]}
    pixels = raw.postprocess(
        demosaic_algorithm=rawpy.DemosaicAlgorithm[demosaic],
        user_wb=list(used),
        user_sat=levels.white - min(levels.black),  # LibRaw has taken the black off before it looks at this
        **black,
        # Without these three, brightness and white would follow what is in the frame.
        no_auto_bright=True,
        adjust_maximum_thr=0.0,
        use_auto_wb=False,
        highlight_mode=rawpy.HighlightMode.Blend if blend else rawpy.HighlightMode.Clip,
        # Blending scales by the largest factor instead of the smallest, to have room for what it keeps.
        bright=2.0**recipe.ev * (max(used) / min(used) if blend else 1.0),
        output_color=rawpy.ColorSpace[output_color],
        gamma=gamma,
        output_bps=16,
        user_flip=0,
    )
    return _cropped(pixels, raw)


def _cropped(pixels: Image, raw: rawpy.RawPy) -> Image:
    """The part that the maker means to be shown, where the file says so: what the camera's JPEG has."""
    sizes = raw.sizes
    left, top = sizes.crop_left_margin - sizes.left_margin, sizes.crop_top_margin - sizes.top_margin
    right, bottom = left + sizes.crop_width, top + sizes.crop_height
    inside = 0 <= left < right <= sizes.width and 0 <= top < bottom <= sizes.height
    if not inside or pixels.shape[:2] != (sizes.height, sizes.width):
        return pixels
    return pixels[top:bottom, left:right]


def _white(raw: rawpy.RawPy) -> int:
    """The number at which the first colour is full: what lies above is the same for all light."""
    most = int(raw.white_level)
    told = [int(level) for level in raw.camera_white_level_per_channel or () if level]
    least = min(told, default=most)
    return least if _LOWEST_WHITE * most < least <= most else most


def _factors(raw: rawpy.RawPy, asked: Development) -> tuple[tuple[float, ...], str | None]:
    """Of the white balance that is wanted, and what a person should know; all 1 where none is known."""
    note = None
    if raw.num_colors == 1:
        return _UNBALANCED, note
    if asked.white_balance is WhiteBalance.KELVIN:
        assert asked.kelvin is not None
        factors = _factors_of_kelvin(raw, asked.kelvin)
    else:
        said = raw.camera_whitebalance if asked.white_balance is WhiteBalance.CAMERA else None
        if said is None or min(said[:3]) <= 0:
            if said is not None:
                note = "the file does not say the camera's white balance: developed for daylight"
            said = raw.daylight_whitebalance
        factors = tuple(float(factor) for factor in said)
    return (factors if min(factors[:3]) > 0 else _UNBALANCED), note


def _factors_of_kelvin(raw: rawpy.RawPy, kelvin: float) -> tuple[float, ...]:
    """What makes light of a colour temperature grey, by the body's own matrix.

    LibRaw's matrix takes the sensor's colours, balanced for daylight, to sRGB: backwards it says what the
    sensor counts under any light.
    """
    daylight = np.array(raw.daylight_whitebalance[:3], float)
    to_xyz = SRGB.to_xyz @ np.array(raw.color_matrix, float)[:, :3]
    seen = np.linalg.solve(to_xyz, planckian_xyz(kelvin))
    factors = daylight / np.maximum(seen, 1e-3)
    return (*(float(factor) for factor in factors / factors[1]), 1.0)


def _four(values: Any) -> tuple[int, int, int, int]:
    first, second, third, fourth = (int(value) for value in values)
    return first, second, third, fourth


def _require_colours(raw: rawpy.RawPy, name: str) -> None:
    """A format can be known of a body that is not: its colours would be the sensor's own, which are green."""
    if raw.num_colors > 1 and not (np.any(raw.rgb_xyz_matrix) or np.any(raw.color_matrix)):
        raise DataError(
            f"{name} is of a body that LibRaw {_libraw()} does not know: its colours cannot be told. "
            "Convert it to DNG with the maker's or Adobe's converter, or take the JPEGs"
        )


def _libraw() -> str:
    import rawpy

    return ".".join(str(part) for part in rawpy.libraw_version)


def _refused(error: Exception, name: str) -> DataError:
    """What LibRaw's refusal means to a person."""
    import rawpy

    if isinstance(error, rawpy.LibRawFileUnsupportedError):
        return DataError(
            f"{name} is no RAW file that LibRaw {_libraw()} knows: it may be of a newer body, or another "
            "kind of file under that name. DNG, which the makers' and Adobe's converters write, is read"
        )
    if isinstance(error, (rawpy.LibRawUnsufficientMemoryError, rawpy.LibRawTooBigError)):
        return DataError(f"{name} is too large for the memory there is ({error})")
    return DataError(f"{name} cannot be decoded, it may be damaged or cut off ({error})")
