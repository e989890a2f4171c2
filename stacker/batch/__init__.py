"""Stacks that lie on disk as files."""
