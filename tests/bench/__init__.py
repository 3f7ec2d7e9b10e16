"""How fast Reviva is, as ratios against the bare driver in the same run."""
