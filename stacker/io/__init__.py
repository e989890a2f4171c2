"""Files in and out, with everything they say about themselves."""
