"""What ``stacker fuse`` writes, all or nothing."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stacker.cli.telling import shown_progress
from stacker.errors import DataError, UserError

if TYPE_CHECKING:
    from stacker.batch.files import FilesResult
    from stacker.batch.slabs import Slabs

__all__ = ["Wanted"]


@dataclass(frozen=True)
class Wanted:
    """What is to be written.

    Attributes
    ----------
    output : Path
        The picture.
    bits : int or None
        Of its samples; the frames' own when None.
    quality : int
        Of a JPEG.
    keep : bool
        Write the stack folder too.
    slabs : Slabs or None
        Which to write.
    transforms : Path or None
        Where to write the transforms.
    talk : bool
        Whether people look on.
    """

    output: Path
    bits: int | None
    quality: int
    keep: bool
    slabs: Slabs | None
    transforms: Path | None
    talk: bool

    @property
    def folder(self) -> Path:
        """The stack folder."""
        return self.output.with_suffix(".stack")

    def check(self) -> None:
        """Refuse what cannot be written before any work is done."""
        from stacker.io.encode import DEEPEST_BITS, require_writable

        require_writable(self.output)
        deepest = DEEPEST_BITS[self.output.suffix.lower()]
        if self.bits is not None and self.bits > deepest:
            kind = {8: "JPEG", 16: "PNG"}[deepest]
            raise UserError(f"A {kind} has {deepest} bits at most; write a .tif to keep {self.bits}")
        if self.transforms is not None and not self.transforms.parent.is_dir():
            raise UserError(
                f"{self.transforms} cannot be written: there is no folder {self.transforms.parent}"
            )
        if self.keep and self.folder.exists() and not (self.folder / "stack.json").is_file():
            raise UserError(f"{self.folder} is there already and is no stack folder; it is not replaced")

    def check_frames(self, paths: Sequence[Path]) -> None:
        """Refuse to replace a frame."""
        frames = {path.resolve() for path in paths}
        for written in (self.output, self.transforms):
            if written is not None and written.resolve() in frames:
                raise UserError(f"{written} is one of the frames; the result needs a name of its own")

    def write(self, result: FilesResult) -> list[Path]:
        """Write everything, and only then give it its names; returns the slabs."""
        from stacker.io.encode import storage_error

        home = self.output.parent
        try:
            with tempfile.TemporaryDirectory(dir=home, prefix=".stacker-") as part:
                try:
                    return self._write_by_way_of(Path(part), result)
                except DataError as error:  # which names the file by the place it had for the moment
                    raise DataError(str(error).replace(f"{part}/", f"{home}/")) from error
        except OSError as error:
            raise storage_error(error, self.output) from error

    def _write_by_way_of(self, part: Path, result: FilesResult) -> list[Path]:
        from stacker.batch.slabs import write_slabs

        result.stack.save(part / self.output.name, bit_depth=self.bits, quality=self.quality)
        slabs: list[Path] = []
        if self.slabs is not None:
            with shown_progress(self.talk and sys.stderr.isatty(), "slabs") as progress:
                slabs = write_slabs(
                    result.stack,
                    self.slabs,
                    self.output,
                    part,
                    bit_depth=self.bits,
                    quality=self.quality,
                    progress=progress,
                )
        if self.keep:
            result.stack.save_folder(self.folder)
        if self.transforms is not None:  # a few kB: what is large has found its room by now
            result.stack.save_transforms(self.transforms)
        (part / self.output.name).replace(self.output)
        return [path.replace(self.output.parent / path.name) for path in slabs]
