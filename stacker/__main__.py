"""``python -m stacker`` is the ``stacker`` command, where the folder of commands is not on the path."""

from stacker.cli import main

main()
