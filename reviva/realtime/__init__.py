"""Live events: who listens in this process, what follows the event table, and the websockets."""
