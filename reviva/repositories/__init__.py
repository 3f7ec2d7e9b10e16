"""Every query, as methods that say what they find."""
