"""Many runs: which jobs, how each ends, what they say together."""

from initlab.sweeps.folder import Job, SweepFolder

__all__ = ["Job", "SweepFolder"]
