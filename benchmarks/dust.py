"""What is found of dust on the sensor: ``python -m benchmarks.dust {found,false,picture,harm} [NAME…]``.

Renders the scenes of `benchmarks.stacks` behind specks of known place, size and depth. ``found`` prints which
of them are found in the frames themselves, by size and by depth, with a camera that moves and with a subject
that does not move at all, and what is taken for dust in frames without any. ``false`` looks for dust in
folders of frames (``--folders``), where all that is found has to be looked at. ``picture`` fuses the frames
as RAW files and prints the PSNR against the truth where shadows fall: never dusty, dusty, mended by the
frames and by a flat frame. ``harm`` takes sound places for specks, and prints what that costs.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
from hardware_sims.dng import dng
from hardware_sims.sensor import BLACK_LEVEL, NEUTRAL, WHITE_LEVEL, Sensor

from benchmarks.recipes import RECIPES
from benchmarks.stacks import Array, RenderedStack, load, mosaics
from stacker import Border, Development, Options, Stacker
from stacker.batch.files import fuse_files, outward_order
from stacker.frames import Image
from stacker.io.decode import read_frame
from stacker.io.development import Recipe, SensorLevels
from stacker.io.listing import natural_order
from stacker.io.sensor.dust import dust_of_frames
from stacker.io.sensor.dust_flat import specks_in_flat
from stacker.io.sensor.dust_light import light_of_counts, light_of_file
from stacker.io.sensor.hot_pixels import LOOKED_AT
from stacker.io.sensor.specks import Dust, Speck, speck_of_map, told_of_dust

__all__ = ["Planted", "main", "planted", "shadows"]

_SEED = 2
_DIAMETERS_PX = (4, 6, 10, 16, 26)
_LOSSES = (0.02, 0.05, 0.1, 0.2, 0.4)
_EACH = 4
"""Specks of every size and depth."""

_RIM = 0.15
"""Of the diameter: how soft the edge is, as of an aperture between f/8 and f/22 over a filter 1 mm thick."""

_PICTURE = [(d, loss) for d in (6, 10, 16) for loss in (0.05, 0.1, 0.2, 0.4)] * 2
"""Diameters and losses of the dusty sensor whose pictures are compared."""

_COLOURS = np.array([[0, 1], [3, 2]], np.uint8)


@dataclass(frozen=True)
class Planted:
    """A round speck: where it is, how wide at half its depth, and the part of the light it takes."""

    x_px: float
    y_px: float
    diameter_px: float
    loss: float


def planted(size_px: tuple[int, int], kinds: Sequence[tuple[float, float]], seed: int) -> list[Planted]:
    """Specks of diameters and losses, apart from one another and from the rim."""
    rng = np.random.default_rng((seed, 0xD057))
    found: list[Planted] = []
    for diameter, loss in kinds:
        margin = 1.7 * diameter + 4
        for _ in range(10_000):
            x, y = rng.uniform(margin, size_px[0] - margin), rng.uniform(margin, size_px[1] - margin)
            if all(np.hypot(x - o.x_px, y - o.y_px) > 1.5 * (o.diameter_px + diameter) for o in found):
                found.append(Planted(float(x), float(y), diameter, loss))
                break
    return found


def shadows(size_px: tuple[int, int], specks: Sequence[Planted]) -> Array:
    """What they let through, (h, w) float32."""
    width, height = size_px
    through = np.ones((height, width), np.float32)
    for speck in specks:
        reach = int(np.ceil(speck.diameter_px * 1.2 + 3))
        rows = slice(max(0, int(speck.y_px) - reach), min(height, int(speck.y_px) + reach + 1))
        columns = slice(max(0, int(speck.x_px) - reach), min(width, int(speck.x_px) + reach + 1))
        y, x = np.mgrid[rows, columns]
        soft = max(0.5, _RIM * speck.diameter_px)
        inside = speck.diameter_px / 2 - np.hypot(x - speck.x_px, y - speck.y_px)
        shade = np.clip(inside / (2 * soft) + 0.5, 0, 1).astype(np.float32)
        through[rows, columns] *= 1 - np.float32(speck.loss) * cv2.GaussianBlur(shade, (0, 0), soft / 2)
    return through


def _levels(size_px: tuple[int, int]) -> SensorLevels:
    balance = 1 / NEUTRAL[0], 1.0, 1 / NEUTRAL[2], 1.0
    return SensorLevels("bench", size_px, balance, (BLACK_LEVEL,) * 4, WHITE_LEVEL)


def _counted(name: str, width_px: int, *, moves: bool) -> list[Array]:
    """What the sensor counts in the frames of a scene that are looked at."""
    recipe = RECIPES[name] if moves else replace(RECIPES[name], pupil_distance_mm=1e7, drift_px=0.0)
    at = sorted({round(k) for k in np.linspace(0, recipe.frames - 1, min(LOOKED_AT, recipe.frames))})
    return list(mosaics(recipe, _SEED, width_px, at))


def _shaded(counts: Array, shade: Array) -> Array:
    """Behind specks. The noise shrinks with the light, and not with its root, which is a third more."""
    light = (counts.astype(np.float32) - BLACK_LEVEL) * shade
    return np.asarray(np.clip(np.rint(light + BLACK_LEVEL), 0, WHITE_LEVEL).astype(np.uint16))


def _looked_at(frames: Sequence[Array]) -> tuple[Dust | None, float]:
    """What is found in frames, and the CPU seconds that the search takes."""
    height, width = frames[0].shape
    colours = np.tile(_COLOURS, (height // 2, width // 2))
    planes = [light_of_counts(counts, colours, _levels((width, height))) for counts in frames]
    started = time.process_time()
    found = dust_of_frames(planes, (), raw=True)[0]
    return found, time.process_time() - started


def _matching(specks: Sequence[Planted], found: Sequence[Speck]) -> tuple[list[Speck | None], int]:
    """Of every planted speck the one that was found there, and how many are of none."""
    hits: list[Speck | None] = [None] * len(specks)
    false = 0
    for speck in found:
        x, y = speck.centre_px
        off = [np.hypot(x - s.x_px, y - s.y_px) / max(3.0, s.diameter_px / 2) for s in specks]
        at = int(np.argmin(off)) if off else -1
        if at >= 0 and off[at] < 1:
            hits[at] = speck
        else:
            false += 1
    return hits, false


def _found(names: Sequence[str], width_px: int) -> None:
    size = width_px, round(width_px / 1.5)
    kinds = [(d, loss) for d in _DIAMETERS_PX for loss in _LOSSES] * _EACH
    specks = planted(size, kinds, _SEED)
    shade = shadows(size, specks)
    heads = [f"{d} px" for d in _DIAMETERS_PX] + [f"{loss:.0%}" for loss in _LOSSES]
    print("| scene | moves | " + " | ".join(heads) + " | depth off | false | false, no dust | CPU, s |")
    colours = np.tile(_COLOURS, (size[1] // 2, size[0] // 2))
    told = specks_in_flat(light_of_counts(_flat(shade), colours, _levels(size)), "the flat frame")
    print(f"| a flat frame | - | {_row(specks, *_matching(specks, told))} | - | - |", flush=True)
    for name in names:
        for moves in (True, False):
            frames = _counted(name, width_px, moves=moves)
            clean, seconds = _looked_at(frames)
            dusty, _ = _looked_at([_shaded(counts, shade) for counts in frames])
            hits, false = _matching(specks, () if dusty is None else dusty.specks)
            alone = 0 if clean is None else len(clean.specks)
            row = _row(specks, hits, false)
            print(f"| {name} | {'yes' if moves else 'no'} | {row} | {alone} | {seconds:.1f} |", flush=True)


def _row(specks: Sequence[Planted], hits: Sequence[Speck | None], false: int) -> str:
    by_size = [_share(hits, [s.diameter_px == d for s in specks]) for d in _DIAMETERS_PX]
    by_loss = [_share(hits, [s.loss == loss for s in specks]) for loss in _LOSSES]
    off = [abs(h.loss / s.loss - 1) for h, s in zip(hits, specks, strict=True) if h is not None]
    told = f"{100 * np.median(off):.0f} %" if off else "-"
    return " | ".join([*by_size, *by_loss, told, str(false)])


def _share(hits: Sequence[Speck | None], wanted: Sequence[bool]) -> str:
    chosen = [hit is not None for hit, want in zip(hits, wanted, strict=True) if want]
    return f"{100 * np.mean(chosen):.0f} %" if chosen else "-"


def _false(folders: Sequence[Path]) -> None:
    total, megapixels = 0, 0.0
    for folder in folders:
        paths = natural_order([p for p in folder.iterdir() if p.suffix.lower() in {".jpg", ".tif", ".png"}])
        at = sorted({round(k) for k in np.linspace(0, len(paths) - 1, min(LOOKED_AT, len(paths)))})
        planes = [light_of_file(paths[k], 4000) for k in at]
        dust, trouble = dust_of_frames(planes, (), raw=False)
        found = 0 if dust is None else len(dust.specks)
        total, megapixels = total + found, megapixels + float(np.prod(planes[0].size_px)) / 1e6
        told = trouble or "" if dust is None or trouble else told_of_dust(dust, 12)
        print(f"{folder}: {found} in {len(planes)} frames; {told}", flush=True)
    print(f"{total} in {megapixels:.1f} MP")


def _pictures(
    frames: Sequence[Array], flat: Array, developments: Sequence[Development]
) -> Iterator[tuple[Image, Recipe | None]]:
    """A stack fused from RAW files, in the view of its middle frame, with how it was developed."""
    with tempfile.TemporaryDirectory() as folder:
        preview = bytes(imagecodecs.jpeg8_encode(np.full((64, 96, 3), 128, np.uint8)))
        paths = [Path(folder) / f"{index:03d}.dng" for index in range(len(frames))]
        for path, counts in zip(paths, frames, strict=True):
            path.write_bytes(dng(counts, preview))
        beside = Path(folder) / "flat.dng"
        beside.write_bytes(dng(flat, preview))
        for wanted in developments:
            asked = replace(wanted, flat=None if wanted.flat is None else beside)
            result = fuse_files(paths, Options(border=Border.REFERENCE, development=asked))
            yield result.stack.image, result.recipe


def _flat(shade: Array) -> Array:
    """A flat frame of that sensor at ISO 100, which a lens darkens by a third of a stop in the corners."""
    height, width = shade.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    light = np.repeat(((0.5 - 0.05 * (x * x + y * y)) * shade).astype(np.float32)[..., None], 3, axis=2)
    return np.asarray(Sensor(width, height, 4.0).mosaic(light, 100.0, (_SEED, 99)))


def _trails(stack: RenderedStack, shade: Array) -> Array:
    """Where in the middle frame's view some frame has a shadow that takes 1 % or more; bool."""
    lost = (shade < 0.99).astype(np.float32)
    seen = [cv2.warpAffine(lost, matrix[:2], stack.size_px) for matrix in stack.transforms()]
    return np.asarray(np.max(seen, axis=0) > 0.5)


def _psnr(picture: Image, truth: Array, where: Array | None = None) -> str:
    """Of the samples, in dB."""
    seen = picture.astype(np.float32) / np.float32(65535)
    square = ((seen - truth) ** 2).mean(axis=2)
    return f"{-10 * np.log10(float(square.mean() if where is None else square[where].mean())):.2f}"


def _picture(names: Sequence[str], width_px: int, crops: Path | None) -> None:
    print("| PSNR in the trails, dB | specks found | never dusty | dusty | by the frames | by a flat |")
    for name in names:
        stack = load(name, _SEED, 8, width_px)
        specks = planted(stack.size_px, _PICTURE, _SEED)
        shade = shadows(stack.size_px, specks)
        off = Development(mend_dust=False)
        asked = [off, Development(), replace(off, flat=Path("flat"))]
        frames = list(mosaics(name, _SEED, width_px))
        ((never, _),) = _pictures(frames, _flat(shade), [off])
        fused = list(_pictures([_shaded(counts, shade) for counts in frames], _flat(shade), asked))
        truth, where = stack.truth(), _trails(stack, shade)
        rows, columns = stack.common()
        part = np.s_[rows, columns]
        cells = [
            _psnr(image[part], truth[part], where[part]) for image in [never, *(image for image, _ in fused)]
        ]
        dust = None if fused[1][1] is None else fused[1][1].dust
        count = 0 if dust is None else len(dust.specks)
        print(f"| {name} | {count} of {len(specks)} | " + " | ".join(cells) + " |", flush=True)
        if crops is not None:
            for kind, image in zip(
                ("never", "dusty", "frames", "flat"), [never, *(i for i, _ in fused)], strict=True
            ):
                cv2.imwrite(str(crops / f"{name}-{kind}.png"), (image[..., ::-1] >> 8).astype(np.uint8))


def _harm(names: Sequence[str], width_px: int) -> None:
    print("| scene | 12 false specks of 16 px that take | whole / in their trails, dB | without |")
    for name in names:
        stack = load(name, _SEED, 16, width_px)
        truth = stack.truth()
        for loss in (0.05, 0.2):
            specks = planted(stack.size_px, [(16, loss)] * 12, _SEED)
            shade = shadows(stack.size_px, specks)
            wrong = tuple(_as_found(speck, shade) for speck in specks)
            dust = Dust(stack.size_px, False, wrong)
            pictures = [
                _fused_with(stack, None),
                _fused_with(stack, dust),
            ]
            where = _trails(stack, shade)
            part = np.s_[stack.common()]
            cells = [
                f"{_psnr(i[part], truth[part])} / {_psnr(i[part], truth[part], where[part])}"
                for i in pictures
            ]
            print(f"| {name} | {loss:.0%} | {cells[1]} | {cells[0]} |", flush=True)


def _as_found(speck: Planted, shade: Array) -> Speck:
    reach = int(speck.diameter_px * 1.2 + 3)
    x, y = round(speck.x_px) - reach, round(speck.y_px) - reach
    return speck_of_map(1 - shade[y : y + 2 * reach + 1, x : x + 2 * reach + 1], x, y, 1)


def _fused_with(stack: RenderedStack, dust: Dust | None) -> Image:
    """Of frames from which shadows are taken off that are not there."""
    stacker, start = Stacker(Options(border=Border.REFERENCE)), len(stack.paths) // 2
    for index in outward_order(len(stack.paths), start):
        if index == start - 1:
            stacker.rewind()
        stacker.add(read_frame(stack.paths[index], 1, Recipe(dust=dust)), index=index)
    return stacker.finish().image


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["found", "false", "picture", "harm"])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(RECIPES)}; all but mineral")
    parser.add_argument("--width", type=int, default=1500)
    parser.add_argument("--folders", type=Path, nargs="*", default=[], help="of frames, for false")
    parser.add_argument("--pictures", type=Path, help="a folder for the pictures that are compared")
    args = parser.parse_args(arguments)
    os.nice(10)
    names = args.names or [name for name in RECIPES if name != "mineral"]
    if args.what == "found":
        _found(names, args.width)
    elif args.what == "false":
        _false(args.folders)
    elif args.what == "picture":
        _picture(names, args.width, args.pictures)
    else:
        _harm(names, args.width)


if __name__ == "__main__":
    main()
