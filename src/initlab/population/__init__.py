"""Jobs of a sweep whose networks train together, as one stack of weights."""

from initlab.population.population import run_together

__all__ = ["run_together"]
