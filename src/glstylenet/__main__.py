"""``python -m glstylenet``: the command line without an installed script."""

import sys

from glstylenet.cli import main

if __name__ == "__main__":
    sys.exit(main())
