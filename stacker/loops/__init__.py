"""Compiled loops: how they are made, kept and shared out to threads, and the memory they work in."""
