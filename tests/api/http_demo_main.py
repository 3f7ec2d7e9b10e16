"""Runs the demo server: gevent patches the process before anything else is imported."""

from gevent import monkey

if __name__ == "__main__":
    monkey.patch_all()
    from tests.api import http_demo

    http_demo.main()
