"""Which stack, and where its frames are now."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

if TYPE_CHECKING:
    from stacker.result import Stack

__all__ = ["FramesFolderOptions", "StackArgument"]


def _named(folder: Path) -> Path:
    """The folder by its name, after which pages and retouches are called: ``.`` and ``..`` have none."""
    return folder if folder.name not in {"", ".."} else folder.resolve()


StackArgument: TypeAlias = Annotated[
    Path,
    typer.Argument(
        metavar="STACK", help="The stack folder that stacker fuse --keep has written.", callback=_named
    ),
]


@dataclass(frozen=True)
class FramesFolderOptions:
    """Where the frames of a stack folder are."""

    frames: Annotated[
        Path | None,
        typer.Option(
            "--frames",
            metavar="FOLDER",
            help="Where the frames are now, when they were moved without the stack folder.",
        ),
    ] = None

    def load(self, folder: Path) -> Stack:
        """Read a stack folder; errors as of `stacker.load_stack`."""
        from stacker.folder import load_stack

        return load_stack(folder, self.frames)
