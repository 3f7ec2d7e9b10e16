"""Runs the demo server: gevent patches the process before anything else is imported."""

from reviva import boot

if __name__ == "__main__":
    boot.patch()
    from tests.api import http_demo

    http_demo.main()
