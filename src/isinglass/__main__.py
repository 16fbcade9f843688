"""``python -m isinglass``: the command line."""

from isinglass.cli import main

main()
