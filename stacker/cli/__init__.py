"""The ``stacker`` command."""
