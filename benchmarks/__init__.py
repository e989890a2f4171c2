"""Commands that measure focusrig against physical limits and peers: ``python -m benchmarks.NAME``."""
