"""What ``stacker fuse`` writes, all or nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from stacker.cli.telling import on_terminal, shown_progress
from stacker.errors import UserError

if TYPE_CHECKING:
    from stacker.batch.files import FilesResult
    from stacker.batch.slabs import Slabs
    from stacker.io.saving import Saving
    from stacker.io.together import Parts
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
    told : tuple of str
        What became of the picture's colours, and of what there was from before.
    """

    slabs: list[Path]
    layers: LayersWritten | None = None
    told: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know."""
        return self.told if self.layers is None else (*self.told, *self.layers.notes)

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
        from stacker.io.together import together

        with together() as parts:
            try:
                pictures, slabs, notes = self._write_pictures(parts, result.stack)
                others, layers = self._write_others(parts, result.stack)
                stale = self._stale_slabs(len(slabs), result.paths)
                # The picture comes last: whoever waits for it finds all else there.
                parts.publish([*others, *pictures], stale)
            except OSError as error:
                raise storage_error(error, self.output) from error
        told = (self._retouches(), _taken_away(stale))
        return Written(slabs, layers, (*notes, *filter(None, told)))

    def _write_pictures(
        self, parts: Parts, stack: Stack
    ) -> tuple[list[tuple[Path, Path]], list[Path], tuple[str, ...]]:
        """The slabs and the picture: where they are and are to be, the slabs' names, and what is told."""
        from stacker.batch.slabs import write_slabs

        picture = parts.place(self.output)
        notes = stack.save(picture, self.saving)
        slabs: list[Path] = []
        if self.slabs is not None:
            with shown_progress(self.talk and on_terminal(), "slabs") as progress:
                slabs = write_slabs(
                    stack, self.slabs, self.output, picture.parent, saving=self.saving, progress=progress
                )
        named = [(path, self.output.parent / path.name) for path in (*slabs, picture)]
        return named, [path for _, path in named[:-1]], notes

    def _write_others(
        self, parts: Parts, stack: Stack
    ) -> tuple[list[tuple[Path, Path]], LayersWritten | None]:
        """Everything else: where it is and is to be."""
        finished: list[tuple[Path, Path]] = []

        def placed(path: Path) -> Path:
            finished.append((parts.place(path), path))
            return finished[-1][0]

        if self.keep:
            from stacker.folder import save_stack

            save_stack(stack, placed(self.folder), self.folder)
        if self.transforms is not None:
            stack.save_transforms(placed(self.transforms))
        layers = None
        if self.layers is not None:
            layers = self._write_layers(stack, parts.place(self.layers))
            finished.append((layers.path, self.layers.with_name(layers.path.name)))
            layers = replace(layers, path=finished[-1][1])
        if self.page is not None:
            from stacker.report.stack_page import write_report

            write_report(stack, placed(self.page), self.output.stem)
        if self.sidecar:
            from stacker.handover import sidecar_path
            from stacker.io.atomic import write_text
            from stacker.io.stack_xmp import sidecar_text

            write_text(placed(sidecar_path(self.output)), sidecar_text(stack.metadata))
        return finished, layers

    def _stale_slabs(self, count: int, frames: Sequence[Path]) -> list[Path]:
        """Slabs of an earlier run that had more of them."""
        if self.slabs is None:
            return []
        from stacker.batch.slabs import slabs_behind

        used = {path.resolve() for path in frames}
        return [path for path in slabs_behind(self.output, count) if path.resolve() not in used]

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


def _taken_away(slabs: Sequence[Path]) -> str | None:
    from stacker.batch.notes import few

    return f"{few([path.name for path in slabs])} of an earlier run: taken away" if slabs else None
