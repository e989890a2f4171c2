"""Who made the picture and what it shows, from the command line and from files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from stacker.credits import Credits

__all__ = ["CreditOptions"]

_PANEL = "Metadata"


@dataclass(frozen=True)
class CreditOptions:
    """Templates; fields such as {session}, {year} and {frames} are filled in."""

    creator: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Who made the picture.", rich_help_panel=_PANEL)
    ] = None
    copyright: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help='Such as "© {year} Jane Doe".', rich_help_panel=_PANEL),
    ] = None
    credit: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Whom to name beside the picture.", rich_help_panel=_PANEL),
    ] = None
    title: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help='Such as "{session}, {frames} frames".', rich_help_panel=_PANEL),
    ] = None
    caption: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What is to be seen.", rich_help_panel=_PANEL)
    ] = None
    keyword: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEXT", help="Added to those of the frames; may be given again.", rich_help_panel=_PANEL
        ),
    ] = None
    metadata: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A TOML file with such templates in a table [metadata]; a rig's configuration will do. "
            "Options go before it, and it before stacker.toml, the file of your settings. All have the "
            "fields {session} {name} {year} {date} {frames} {used} {step} {magnification} {f_number} "
            "{method} {camera} {lens}.",
            rich_help_panel=_PANEL,
        ),
    ] = None

    def templates(self) -> Credits:
        """What was said, over what files say.

        Raises
        ------
        UserError
            When a template or a file cannot be used.
        """
        from stacker.credits import Credits, credits_of, read_credits
        from stacker.settings import load_settings

        said = {
            "creator": self.creator,
            "copyright": self.copyright,
            "credit": self.credit,
            "title": self.title,
            "caption": self.caption,
            "keywords": self.keyword or (),
        }
        of_file = Credits() if self.metadata is None else read_credits(self.metadata)
        return credits_of(said, "The options").over(of_file).over(load_settings().metadata)
