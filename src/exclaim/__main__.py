"""``python -m exclaim``."""

from exclaim.cli import main

main()
