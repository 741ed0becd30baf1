"""One run, from a config to its result."""

from initlab.run.result import Result
from initlab.run.train import train

__all__ = ["Result", "train"]
