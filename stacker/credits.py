"""Who made a picture and what it shows: templates that are filled with what is known of the stack."""

from __future__ import annotations

import re
import string
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pydantic

from stacker.errors import UserError

__all__ = ["CREDIT_FIELDS", "Credits", "read_credits"]

CREDIT_FIELDS = (
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
"""What templates may ask for."""


class Credits(pydantic.BaseModel):
    """Templates such as ``© {year} Jane Doe``.

    Attributes
    ----------
    creator, copyright, credit, title, caption : str or None
        IPTC's fields of those names; None leaves what the frames say.
    keywords : tuple of str
        Are added to those of the frames.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    creator: str | None = None
    copyright: str | None = None
    credit: str | None = None
    title: str | None = None
    caption: str | None = None
    keywords: tuple[str, ...] = ()

    @pydantic.field_validator("creator", "copyright", "credit", "title", "caption")
    @classmethod
    def _template_usable(cls, text: str | None) -> str | None:
        return None if text is None else _checked(text)

    @pydantic.field_validator("keywords")
    @classmethod
    def _keywords_usable(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_checked(text) for text in texts)

    def over(self, others: Credits) -> Credits:
        """These, and where they say nothing the others; keywords of both."""
        mine = self.model_dump(exclude_none=True, exclude={"keywords"})
        keywords = (*others.keywords, *self.keywords)
        return others.model_copy(update={**mine, "keywords": tuple(dict.fromkeys(keywords))})

    def filled(self, known: Mapping[str, str]) -> tuple[Credits, tuple[str, ...]]:
        """The texts, and the templates that were left out because what they ask for is not known.

        Parameters
        ----------
        known : mapping of str to str
            Some of `CREDIT_FIELDS`.
        """
        left_out = []

        def fill(template: str) -> str | None:
            if _asked(template) <= known.keys():
                return template.format(**known)
            left_out.append(template)
            return None

        texts = self.model_dump(exclude={"keywords"})
        filled: dict[str, Any] = {name: text and fill(text) for name, text in texts.items()}
        keywords = tuple(text for text in map(fill, self.keywords) if text)
        return Credits.model_construct(**filled, keywords=keywords), tuple(left_out)


def read_credits(path: Path) -> Credits:
    """Read the table ``[metadata]`` of a TOML file; other tables, as of a rig's configuration, are not read.

    Raises
    ------
    UserError
        When the file cannot be read, has no such table, or holds something else in it.
    """
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"There is no file {path}") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as TOML: {error}") from error
    if not isinstance(table.get("metadata"), dict):
        raise UserError(f'{path} has no table [metadata]: write it above lines such as creator = "Jane Doe"')
    return credits_of(table["metadata"], f"[metadata] of {path}")


def credits_of(table: Mapping[str, Any], where: str) -> Credits:
    """Credits from a table.

    Raises
    ------
    UserError
        When a key is unknown, or a template cannot be used.
    """
    try:
        return Credits.model_validate(table)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        what = ".".join(str(part) for part in first["loc"])
        why = {
            "extra_forbidden": f"there is none; known are {', '.join(Credits.model_fields)}",
        }.get(first["type"], re.sub("^Value error, ", "", first["msg"]))
        raise UserError(f"{where}: {what}: {why}") from error


def _asked(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def _checked(template: str) -> str:
    try:
        unknown = _asked(template) - set(CREDIT_FIELDS)
        if not unknown:
            template.format(**dict.fromkeys(CREDIT_FIELDS, "x"))
    except (ValueError, LookupError, AttributeError) as error:
        raise ValueError(f"{template!r} cannot be used: {error}") from error
    if unknown:
        raise ValueError(
            f"{template!r} asks for {', '.join(sorted(unknown))}; the fields are {', '.join(CREDIT_FIELDS)}"
        )
    return template
