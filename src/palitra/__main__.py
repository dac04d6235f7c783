"""`python -m palitra` is the `palitra` command."""

from palitra.cli.main import main

main()
