"""``python -m sunorecsys`` is ``sunorecsys``."""

from sunorecsys.cli import main

main()
