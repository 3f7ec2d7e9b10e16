"""Reviva: the back end of a device repair shop, in one process."""

__version__ = "0.1.0"
