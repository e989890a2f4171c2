"""Colour: spaces that pictures are written in, their ICC profiles, and conversion between profiles."""
