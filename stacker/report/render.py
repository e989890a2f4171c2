"""Makes HTML of a page: one file that needs no other, no script and no network."""

from __future__ import annotations

import base64

import jinja2

from stacker.report.page import Page

__all__ = ["render"]


def render(page: Page) -> str:
    """The page as HTML 5.

    Whatever is in it is text and is escaped; only the plots' SVG, which is our own, is not.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("stacker.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["base64"] = lambda data: base64.b64encode(data).decode("ascii")
    environment.filters["kind"] = lambda block: type(block).__name__
    return environment.get_template("page.html.j2").render(page=page)
