"""`python -m hume`."""

from hume.cli import main

main()
