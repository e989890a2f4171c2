"""Frames as files: filed into a session, collected, matched, and what they say of themselves."""
