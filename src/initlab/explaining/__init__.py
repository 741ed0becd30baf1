"""Why a run did not train, shown by the run in which one thing was different."""

from initlab.explaining.of_run import explain

__all__ = ["explain"]
