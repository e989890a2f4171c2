"""``[metadata]``: who makes the pictures and what they show."""

from __future__ import annotations

import string

from pydantic import field_validator

from rig.config.table import Table

__all__ = ["TEMPLATE_FIELDS", "MetadataConfig"]

TEMPLATE_FIELDS = (
    "session",
    "name",
    "year",
    "date",
    "frames",
    "used",
    "step",
    "magnification",
    "f_number",
    "method",
    "camera",
    "lens",
)
"""What the stacker fills in; docs/metadata.md says what each becomes."""


class MetadataConfig(Table):
    """``[metadata]``: templates for IPTC's fields of these names, such as ``© {year} Jane Doe``.

    They go into the stacked picture; `stacker fuse --metadata` reads the same table.
    """

    creator: str | None = None
    copyright: str | None = None
    credit: str | None = None
    title: str | None = None
    caption: str | None = None
    keywords: tuple[str, ...] = ()

    @field_validator("creator", "copyright", "credit", "title", "caption")
    @classmethod
    def _template_usable(cls, text: str | None) -> str | None:
        return None if text is None else _checked(text)

    @field_validator("keywords")
    @classmethod
    def _keywords_usable(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_checked(text) for text in texts)


def _checked(template: str) -> str:
    asked = {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}
    unknown = asked - set(TEMPLATE_FIELDS)
    if unknown:
        raise ValueError(
            f"{template!r} asks for {', '.join(sorted(unknown))}; the fields are {', '.join(TEMPLATE_FIELDS)}"
        )
    template.format(**dict.fromkeys(asked, "x"))
    return template
