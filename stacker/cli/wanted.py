"""What ``stacker fuse`` writes, all or nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from stacker.cli.telling import on_terminal, shown_progress
from stacker.errors import DataError, UserError

if TYPE_CHECKING:
    from stacker.batch.files import FilesResult
    from stacker.batch.slabs import Slabs
    from stacker.io.saving import Saving
    from stacker.outputs.layers import LayersWritten
    from stacker.result import Stack

__all__ = ["Wanted", "Written"]


@dataclass(frozen=True)
class Written:
    """What was written beside the picture.

    Attributes
    ----------
    slabs : list of Path
        In order.
    layers : LayersWritten or None
        The layered file.
    retouches : str or None
        A sentence about retouches that there are from before.
    stored : tuple of str
        What became of the picture's colours.
    """

    slabs: list[Path]
    layers: LayersWritten | None = None
    retouches: str | None = None
    stored: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know."""
        told = self.stored if self.layers is None else (*self.stored, *self.layers.notes)
        return told if self.retouches is None else (*told, self.retouches)

    def as_json(self) -> dict[str, object]:
        """For ``--json``."""
        return {
            "slabs": [str(path) for path in self.slabs],
            "layers": None if self.layers is None else str(self.layers.path),
        }


@dataclass(frozen=True)
class Wanted:
    """What is to be written.

    Attributes
    ----------
    output : Path
        The picture.
    saving : Saving
        How it is stored, and the slabs with it.
    keep : bool
        Write the stack folder too.
    slabs : Slabs or None
        Which to write.
    transforms : Path or None
        Where to write the transforms.
    talk : bool
        Whether people look on.
    layers : Path or None
        A layered file to write.
    sidecar : bool
        Write a sidecar too.
    page : Path or None
        A page that tells of the stack, to write.
    """

    output: Path
    saving: Saving
    keep: bool
    slabs: Slabs | None
    transforms: Path | None
    talk: bool
    layers: Path | None = None
    sidecar: bool = False
    page: Path | None = None

    @property
    def folder(self) -> Path:
        """The stack folder."""
        return self.output.with_suffix(".stack")

    def check(self) -> None:
        """Refuse what cannot be written before any work is done."""
        from stacker.io.atomic import require_folder, require_name, require_place
        from stacker.io.encode import require_writable

        require_writable(self.output)
        self.saving.check(self.output)
        if self.transforms is not None:
            require_place(self.transforms)
        if self.layers is not None:
            from stacker.outputs.layers import LAYER_SUFFIXES

            require_folder(self.layers, LAYER_SUFFIXES)
        if self.page is not None:
            from stacker.report import REPORT_SUFFIXES

            require_folder(self.page, REPORT_SUFFIXES)
        if self.keep:
            require_name(self.folder)
            if self.folder.exists() and not (self.folder / "stack.json").is_file():
                raise UserError(f"{self.folder} is there already and is no stack folder; it is not replaced")

    def check_frames(self, paths: Sequence[Path]) -> None:
        """Refuse to replace a frame, and to write two things under one name.

        Parameters
        ----------
        paths : sequence of Path
            The frames, which say how many slabs there are at most.
        """
        from stacker.io.atomic import require_name

        frames = {path.resolve() for path in paths}
        taken: dict[Path, str] = {}
        for what, written in self._files(len(paths)):
            require_name(written)
            place = written.resolve()
            if place in frames:
                raise UserError(f"{written} is one of the frames; {what} needs a name of its own")
            if place in taken:
                raise UserError(f"{written} is {taken[place]} already: give {what} another name")
            taken[place] = what
        if self.sidecar:
            from stacker.handover import check_sidecar

            check_sidecar(self.output, paths)

    def _files(self, frames: int) -> Iterator[tuple[str, Path]]:
        """What is written, in words, and where."""
        yield "the picture", self.output
        named = {
            "the layered file": self.layers,
            "the page": self.page,
            "the file of transforms": self.transforms,
        }
        yield from ((what, path) for what, path in named.items() if path is not None)
        if self.slabs is not None:
            from stacker.batch.slabs import slab_path

            for number in range(1, len(self.slabs.ranges(frames)) + 1):
                yield f"slab {number}", slab_path(self.output, number)
        if self.sidecar:
            from stacker.handover import sidecar_path

            yield "the sidecar", sidecar_path(self.output)

    def write(self, result: FilesResult) -> Written:
        """Write everything, and only then give it its names."""
        from stacker.io.atomic import storage_error

        with _Parts() as parts:
            try:
                return self._write_by_way_of(parts, result)
            except DataError as error:
                raise DataError(parts.renamed(str(error))) from error
            except OSError as error:
                raise storage_error(error, self.output) from error

    def _write_by_way_of(self, parts: _Parts, result: FilesResult) -> Written:
        from stacker.batch.slabs import write_slabs
        from stacker.folder import save_stack
        from stacker.io.atomic import publish_folder

        picture, stack = parts.place(self.output), result.stack
        notes = stack.save(picture, self.saving)
        slabs: list[Path] = []
        if self.slabs is not None:
            with shown_progress(self.talk and on_terminal(), "slabs") as progress:
                slabs = write_slabs(
                    stack, self.slabs, self.output, picture.parent, saving=self.saving, progress=progress
                )
        kept = parts.place(self.folder)
        if self.keep:
            save_stack(stack, kept, self.folder)
        finished: list[tuple[Path, Path]] = []
        if self.transforms is not None:
            finished.append((parts.place(self.transforms), self.transforms))
            stack.save_transforms(finished[-1][0])
        layers = None
        if self.layers is not None:
            layers = self._write_layers(stack, parts.place(self.layers))
            finished.append((layers.path, self.layers.with_name(layers.path.name)))
            layers = replace(layers, path=finished[-1][1])
        if self.page is not None:
            from stacker.report.stack_page import write_report

            finished.append((parts.place(self.page), self.page))
            write_report(stack, finished[-1][0], self.output.stem)
        if self.sidecar:
            from stacker.handover import sidecar_path
            from stacker.io.atomic import write_text
            from stacker.io.stack_xmp import sidecar_text

            sidecar = sidecar_path(self.output)
            finished.append((parts.place(sidecar), sidecar))
            write_text(finished[-1][0], sidecar_text(stack.metadata))
        if self.keep:
            publish_folder(kept, self.folder)
        for part, path in finished:
            part.replace(path)
        # The picture comes last: whoever waits for it finds all else there.
        names = [path.replace(self.output.parent / path.name) for path in slabs]
        picture.replace(self.output)
        return Written(names, layers, self._retouches(), notes)

    def _retouches(self) -> str | None:
        if not self.keep:
            return None
        from stacker.retouch.book import book_path

        if not book_path(self.folder).is_file():
            return None
        return (
            f"{book_path(self.folder).name} holds retouches from before: stacker retouch {self.folder.name} "
            "-o FILE applies them"
        )

    def _write_layers(self, stack: Stack, path: Path) -> LayersWritten:
        from stacker.outputs.layers import write_layers

        with shown_progress(self.talk and on_terminal(), "layers") as progress:
            return write_layers(
                stack,
                path,
                bit_depth=self._layer_bits,
                colour_space=self.saving.colour_space,
                progress=progress,
            )

    @property
    def _layer_bits(self) -> int | None:
        """Of the picture, as far as layers have them."""
        return None if self.saving.bit_depth is None else min(self.saving.bit_depth, 16)


class _Parts(ExitStack):
    """Hidden folders beside the places of files, in which these are until all are finished."""

    def __init__(self) -> None:
        super().__init__()
        self._by_home: dict[Path, Path] = {}

    def place(self, path: Path) -> Path:
        """Where a file is until then: on the same disk, and called as it will be."""
        home = path.parent
        if home not in self._by_home:
            made = tempfile.TemporaryDirectory(dir=home, prefix=".stacker-")
            self._by_home[home] = Path(self.enter_context(made))
        return self._by_home[home] / path.name

    def renamed(self, text: str) -> str:
        """A message with files named by the places that they were to have."""
        for home, part in self._by_home.items():
            text = text.replace(f"{part}/", f"{home}/")
        return text
