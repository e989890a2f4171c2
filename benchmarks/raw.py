"""What RAW frames are worth, and how: ``python -m benchmarks.raw {encoding,pixels} [NAME…] [--width PX]``.

Renders the scenes of `benchmarks.stacks` as DNGs, kept beside the frames. ``encoding`` fuses them developed
to light and to the curve of sRGB, with several ways to interpolate the mosaic, and prints the PSNR against
the truth. ``pixels`` plants hot and dead pixels into them and prints which are found, and what is taken for
one that is none: in the stack as it is, in which everything moves, and in one that does not move at all.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import rawpy
from hardware_sims.dng import dng
from hardware_sims.sensor import BLACK_LEVEL, NEUTRAL, WHITE_LEVEL, srgb_encode

from benchmarks.recipes import RECIPES
from benchmarks.scores import score
from benchmarks.stacks import Array, RenderedStack, load, mosaics
from stacker import Options, Stacker
from stacker.batch.files import outward_order
from stacker.io.development import SensorLevels
from stacker.io.sensor.hot_pixels import LOOKED_AT, wrong_pixels
from stacker.io.sensor.mosaic import MARGIN_PX

__all__ = ["main", "negatives"]

_SEED = 2
_DEMOSAICS = ("AHD", "PPG", "DCB", "LINEAR", "DHT")
_PLANTED = 300
_AMPLITUDES = (0.005, 0.01, 0.02, 0.05, 0.2)
"""Of white: what a hot pixel adds in the exposure of a frame."""

_COLOURS = np.array([[0, 1], [3, 2]], np.uint8)


def negatives(stack: RenderedStack) -> list[Path]:
    """The frames of a stack as DNGs, made once."""
    folder = stack.folder / "negatives"
    if not folder.exists():
        aside = stack.folder / f".negatives-{os.getpid()}"
        aside.mkdir()
        for index, counts in enumerate(mosaics(stack.name, stack.seed, stack.size_px[0])):
            preview = np.full((64, 96, 3), 128, np.uint8)
            (aside / f"{index:03d}.dng").write_bytes(dng(counts, _jpeg(preview)))
        aside.rename(folder)
    return sorted(folder.iterdir())


def _jpeg(picture: Array) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.jpeg8_encode(picture))


def _developed(path: Path, demosaic: str, *, light: bool) -> Array:
    with rawpy.imread(str(path)) as raw:
        return np.asarray(
            raw.postprocess(
                demosaic_algorithm=rawpy.DemosaicAlgorithm[demosaic],
                gamma=(1.0, 1.0) if light else (2.4, 12.92),
                use_camera_wb=True,
                no_auto_bright=True,
                adjust_maximum_thr=0.0,
                output_bps=16,
                user_flip=0,
            )
        )


def _fused(paths: Sequence[Path], demosaic: str, *, light: bool) -> Array:
    """On the curve of sRGB, whatever it was fused in."""
    stacker, start = Stacker(Options()), len(paths) // 2
    for index in outward_order(len(paths), start):
        if index == start - 1:
            stacker.rewind()
        stacker.add(_developed(paths[index], demosaic, light=light), index=index)
    image = stacker.finish().image
    return np.rint(65535 * srgb_encode(image / 65535.0)).astype(np.uint16) if light else image


def _encoding(names: Sequence[str], width_px: int) -> None:
    print("| PSNR, dB | light, AHD | " + " | ".join(f"sRGB, {name}" for name in _DEMOSAICS) + " |")
    for name in names:
        stack = load(name, _SEED, 16, width_px)
        paths = negatives(stack)
        pictures = [_fused(paths, _DEMOSAICS[0], light=True)]
        pictures += [_fused(paths, demosaic, light=False) for demosaic in _DEMOSAICS]
        print(
            f"| {name} | " + " | ".join(f"{score(p, stack).psnr_db:.2f}" for p in pictures) + " |", flush=True
        )


def _pixels(names: Sequence[str], width_px: int) -> None:
    print("| scene | moves | " + " | ".join(f"+{a:.1%}" for a in _AMPLITUDES) + " | dead | false per MP |")
    for name in names:
        for moves in (True, False):
            recipe = RECIPES[name] if moves else replace(RECIPES[name], pupil_distance_mm=1e7, drift_px=0.0)
            count = recipe.frames
            at = sorted({round(k) for k in np.linspace(0, count - 1, min(LOOKED_AT, count))})
            counts = list(mosaics(recipe, _SEED, width_px, at))
            ends_first = [counts[0], *counts[:0:-1]]
            print(f"| {name} | {'yes' if moves else 'no'} | {_row(ends_first)} |", flush=True)


def _row(counts: list[Array]) -> str:
    height, width = counts[0].shape
    levels = SensorLevels(
        "bench", (width, height), (1 / NEUTRAL[0], 1.0, 1 / NEUTRAL[2], 1.0), (BLACK_LEVEL,) * 4, WHITE_LEVEL
    )
    rng, edge = np.random.default_rng(_SEED), MARGIN_PX + 1
    inside = [(y, x) for y in range(edge, height - edge, 5) for x in range(edge, width - edge, 5)]
    places = np.array([inside[k] for k in rng.permutation(len(inside))[: _PLANTED * (len(_AMPLITUDES) + 1)]])
    groups = np.array_split(places, len(_AMPLITUDES) + 1)
    full = WHITE_LEVEL - BLACK_LEVEL
    planted = [np.array(frame) for frame in counts]
    for frame in planted:
        for amplitude, (y, x) in zip(_AMPLITUDES, (g.T for g in groups), strict=False):
            # The dark current's own noise: full well 50,000 electrons.
            more = amplitude * full + rng.normal(0, np.sqrt(amplitude / 50_000) * full, len(y))
            frame[y, x] = np.clip(np.rint(frame[y, x] + more), 0, WHITE_LEVEL)
        y, x = groups[-1].T
        frame[y, x] = BLACK_LEVEL
    found = set(wrong_pixels(_with_colours(planted), levels))
    recall = [np.mean([int(y) * width + int(x) in found for y, x in group]) for group in groups]
    wrong = len(wrong_pixels(_with_colours(counts), levels)) / (height * width / 1e6)
    return " | ".join(f"{100 * share:.0f} %" for share in recall) + f" | {wrong:.1f}"


def _with_colours(counts: Sequence[Array]) -> Iterator[tuple[Array, Array]]:
    for frame in counts:
        yield frame, np.tile(_COLOURS, (frame.shape[0] // 2, frame.shape[1] // 2))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["encoding", "pixels"])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(RECIPES)}; all but mineral")
    parser.add_argument("--width", type=int, default=750)
    args = parser.parse_args(arguments)
    os.nice(10)
    names = args.names or [name for name in RECIPES if name != "mineral"]
    (_encoding if args.what == "encoding" else _pixels)(names, args.width)


if __name__ == "__main__":
    main()
