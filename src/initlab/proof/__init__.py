"""A proof: a run again with one thing changed, the rule that says whether it trains, and the sentences."""
