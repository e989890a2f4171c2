"""What is to open a result."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from stacker.handover import Opener

__all__ = ["OpeningOptions", "open_result"]


@dataclass(frozen=True)
class OpeningOptions:
    """A program to open the result with."""

    open_with: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND",
            help='Open the result with a program when it is done: "gimp {}", where {} is the file. Quotes '
            "are as in a shell, but no shell runs. open_with in stacker.toml is the default; an empty one "
            "opens nothing. Should it fail, that is said, and the exit code is still 0: the result is there.",
        ),
    ] = None

    def opener(self) -> Opener | None:
        """What was said, or is in the settings; None when nothing is to be opened.

        Raises
        ------
        UserError
            When there is no such program.
        """
        from stacker.handover import Opener
        from stacker.settings import load_settings

        command = load_settings().open_with if self.open_with is None else self.open_with
        return Opener.parse(command) if command else None


def open_result(opener: Opener | None, path: Path) -> str | None:
    """Open a result; a failure is told, and comes back for machines."""
    problem = None if opener is None else opener.open(path)
    if problem is not None:
        typer.echo(f"stacker: {path} is written, but could not be opened: {problem}", err=True)
    return problem
