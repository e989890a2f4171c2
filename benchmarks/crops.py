"""Results on real stacks side by side at 100 %: ``python -m benchmarks.crops --data FOLDER --out FOLDER``.

There is no truth for real stacks, and measures without one reward noise: people have to look. For every
folder of frames this writes one PNG: some places down the page; across it the frame that is sharpest there,
ours, and what each installed peer made. Places are those where the results disagree most. Pixels are the
results' own, moved by whole pixels only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.measured import CommandFailed
from benchmarks.peers import OURS, PEERS, Missing, Peer, Places, run_peer
from benchmarks.stacks import Array

__all__ = ["main"]

_CROP = (300, 240)  # width and height in px
_PLACES = 4
_LABEL_PX = 22
_FRAME_SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff"}
_MATCHED_WIDTH = 1000.0  # where pictures lie is found on no more pixels than this across
_LEAST_MATCHES = 8


@dataclass(frozen=True)
class _Panel:
    """A picture with its place: matrix (2, 3) from pixels of ours to its own."""

    title: str
    picture: Array
    from_ours: Array

    def at(self, centre: Array) -> Array:
        """The pixels around a place of ours, grey where there are none."""
        x, y = self.from_ours @ [*centre, 1.0]
        width, height = _CROP
        shift = np.array([[1.0, 0.0, width // 2 - round(x)], [0.0, 1.0, height // 2 - round(y)]])
        return np.asarray(
            cv2.warpAffine(self.picture, shift, _CROP, flags=cv2.INTER_NEAREST, borderValue=(128, 128, 128))
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Stack every folder and write its page."""
    args = _parser().parse_args(arguments)
    os.nice(args.nice)
    if not args.data.is_dir():
        print(f"skipped: {args.data} is not there; real stacks do not come with the project")
        return
    places = Places(args.peers, ())
    folders = sorted(folder for folder in args.data.iterdir() if folder.is_dir())
    for folder in folders:
        frames = sorted(path for path in folder.iterdir() if path.suffix.lower() in _FRAME_SUFFIXES)
        if args.stacks and folder.name not in args.stacks:
            continue
        if len(frames) < 2:
            print(f"{folder.name}: skipped, it holds {len(frames)} frames")
            continue
        kept = args.out / "pictures" / folder.name
        kept.mkdir(parents=True, exist_ok=True)
        made = _stacked(frames, [PEERS[name] for name in args.only], places, kept)
        if OURS in made:
            page = _page(frames, made)
            cv2.imwrite(str(args.out / f"{folder.name}.png"), page)
            print(f"{folder.name}: {args.out / folder.name}.png")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of folders of frames")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--stacks", nargs="*", help="names of folders; all by default")
    parser.add_argument("--peers", type=Path, help="folder of virtual environments, one a peer")
    parser.add_argument("--only", nargs="*", default=list(PEERS), choices=list(PEERS), metavar="NAME")
    parser.add_argument("--nice", type=int, default=10)
    return parser


def _stacked(frames: Sequence[Path], peers: Sequence[Peer], places: Places, kept: Path) -> dict[str, Array]:
    """Pictures by peer, 8 bit BGR; what peers made before is taken as it is, ours is made anew."""
    made: dict[str, Array] = {}
    with tempfile.TemporaryDirectory(prefix="focusrig-crops-") as aside:
        alone = Path(aside) / "frames"  # a folder with nothing but the frames
        alone.mkdir()
        links = [alone / path.name for path in frames]
        for link, path in zip(links, frames, strict=True):
            link.symlink_to(path.resolve())
        for peer in peers:
            picture = kept / f"{peer.name}.tif"
            if peer.name == OURS or not picture.exists():
                work = Path(aside) / peer.name
                work.mkdir()
                try:
                    output, cost = run_peer(peer, places, links, work, 8)
                except (Missing, CommandFailed) as error:
                    print(f"{kept.name}: left out {peer.title}: {error}")
                    continue
                shutil.copy(output, picture)
                print(f"{kept.name}: {peer.title} {cost.cpu_s:.1f} s CPU, {cost.peak_mb:.0f} MB", flush=True)
            found = cv2.imread(str(picture), cv2.IMREAD_COLOR)
            if found is not None:
                made[peer.name] = np.asarray(found)
    return made


def _page(frames: Sequence[Path], made: dict[str, Array]) -> Array:
    ours = made[OURS]
    panels = [_Panel(PEERS[OURS].title, ours, np.eye(2, 3))]
    for name, picture in made.items():
        if name != OURS:
            matrix = _matched(ours, picture)
            if matrix is not None:
                panels.append(_Panel(PEERS[name].title, picture, matrix))
    singles = []
    for path in frames:
        frame = np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR))
        matrix = _matched(ours, frame)
        if matrix is not None:
            singles.append(_Panel(path.stem, frame, matrix))
    rows = []
    for centre in _where_they_differ(panels):
        row = [_labelled(panel.title, panel.at(centre)) for panel in panels]
        if singles:
            best = max(singles, key=lambda panel: _sharpness(panel.at(centre)))
            row.insert(0, _labelled(f"frame {best.title}", best.at(centre)))
        rows.append(np.hstack(row))
    return np.vstack(rows)


def _matched(ours: Array, other: Array) -> Array | None:
    """Similarity from pixels of ours to pixels of another picture; None when too little agrees."""
    shrink = [min(1.0, _MATCHED_WIDTH / picture.shape[1]) for picture in (ours, other)]
    finder = cv2.SIFT_create(3000)  # type: ignore[attr-defined]
    found = []
    for picture, factor in zip((ours, other), shrink, strict=True):
        small = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        points, words = finder.detectAndCompute(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), None)
        if words is None:
            return None
        found.append((np.array([point.pt for point in points]) / factor, words))
    pairs = cv2.BFMatcher().knnMatch(found[0][1], found[1][1], k=2)
    good = [pair[0] for pair in pairs if len(pair) == 2 and pair[0].distance < 0.75 * pair[1].distance]
    if len(good) < _LEAST_MATCHES:
        return None
    here = found[0][0][[match.queryIdx for match in good]]
    there = found[1][0][[match.trainIdx for match in good]]
    matrix, inliers = cv2.estimateAffinePartial2D(here, there, method=cv2.RANSAC, ransacReprojThreshold=3.0)
    return None if matrix is None or inliers.sum() < _LEAST_MATCHES else np.asarray(matrix)


def _where_they_differ(panels: Sequence[_Panel]) -> list[Array]:
    """Places of ours, apart from each other, where the pictures' fine detail differs most."""
    rows, columns = panels[0].picture.shape[:2]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    details, inside = [], np.ones((rows, columns), bool)
    for panel in panels:
        # Strength of detail, not detail: pictures may lie a pixel apart.
        grey = cv2.cvtColor(panel.picture, cv2.COLOR_BGR2GRAY).astype(np.float32)
        energy = cv2.GaussianBlur(cv2.Laplacian(grey, cv2.CV_32F) ** 2, (0, 0), 4.0)
        laid = cv2.warpAffine(
            np.sqrt(energy), panel.from_ours, (columns, rows), flags=flags, borderValue=-1.0
        )
        inside &= laid >= 0
        details.append(laid)
    # Where there is something to see: on a plain background only grain differs.
    seen = np.median(np.stack(details), axis=0)
    spread = seen * np.std(np.stack(details), axis=0) if len(details) > 1 else seen
    width, height = _CROP
    interest = cv2.blur(np.where(inside, spread, 0.0).astype(np.float32), (width // 2, height // 2))
    interest[: height // 2] = interest[-(height // 2) :] = -1.0
    interest[:, : width // 2] = interest[:, -(width // 2) :] = -1.0
    down, across = min(height, rows // 4), min(width, columns // 4)  # small pictures have room for little
    centres: list[Array] = []
    while len(centres) < _PLACES and interest.max() > 0:
        row, column = np.unravel_index(int(interest.argmax()), interest.shape)
        centres.append(np.array([float(column), float(row)]))
        interest[max(0, row - down) : row + down, max(0, column - across) : column + across] = -1.0
    return centres


def _sharpness(picture: Array) -> float:
    inner = picture[_CROP[1] // 4 : -_CROP[1] // 4, _CROP[0] // 4 : -_CROP[0] // 4]
    return float(np.abs(cv2.Laplacian(inner.astype(np.float32), cv2.CV_32F)).mean())


def _labelled(title: str, picture: Array) -> Array:
    strip = np.full((_LABEL_PX, picture.shape[1], 3), 255, np.uint8)
    ascii_title = title.replace("–", "-")
    cv2.putText(
        strip, ascii_title, (4, _LABEL_PX - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA
    )
    framed = np.vstack([strip, picture])
    return np.asarray(cv2.copyMakeBorder(framed, 0, 4, 0, 4, cv2.BORDER_CONSTANT, value=(255, 255, 255)))


if __name__ == "__main__":
    main()
