"""The HTTP API: handlers that parse, call one service and render."""
