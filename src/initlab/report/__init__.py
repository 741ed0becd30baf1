"""Rows in, one self-contained page out. Reads files, knows no model, imports no torch."""

from initlab.report.write import write_report

__all__ = ["write_report"]
