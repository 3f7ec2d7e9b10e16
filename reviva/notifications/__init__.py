"""Sends what is queued: takes a message, renders it, hands it to a transport, and says what came of it."""
