"""`python seed.py` is `reviva seed`, from a checkout."""

import sys

from reviva.cli import run

if __name__ == "__main__":
    sys.argv.insert(1, "seed")
    sys.exit(run())
