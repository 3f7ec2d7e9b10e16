"""The `reviva` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command line; for `serve` and `work`, gevent patches the process before anything else is imported."""
    if any(word in ("serve", "work") for word in sys.argv[1:]):
        from reviva import boot

        boot.patch()
    from reviva.cli import run

    sys.exit(run())


if __name__ == "__main__":
    main()
