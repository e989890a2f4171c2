"""``python -m rig`` is the ``rig`` command, where the folder of commands is not on the path."""

from rig.cli import main

main()
