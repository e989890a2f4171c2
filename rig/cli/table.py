"""Labels and texts in two columns with warnings below, as most commands answer people."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = ["show_rows", "show_warnings"]


def show_rows(rows: Iterable[tuple[str, str]], warnings: Iterable[str], console: Console) -> None:
    """Print pairs of label and text, then the warnings; terminals wrap long ones, files and pipes do not."""
    if console.is_terminal:
        table = Table.grid(padding=(0, 2))
        table.add_column(style="bold", no_wrap=True)
        table.add_column()
        for label, text in rows:
            table.add_row(label, Text(text))
        console.print(table)
    else:
        told = list(rows)
        width = max((len(label) for label, _ in told), default=0)
        for label, text in told:
            console.print(Text(f"{label:<{width}}  {text}"), soft_wrap=True)
    show_warnings(warnings, console)


def show_warnings(warnings: Iterable[str], console: Console) -> None:
    """Print a line for each warning."""
    for warning in warnings:
        console.print(Text(f"warning: {warning}", style="yellow"), soft_wrap=True)
