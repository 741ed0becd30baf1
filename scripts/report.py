"""The page of a run or a sweep: `python scripts/report.py outputs/latest_run`."""

from initlab.commands.report import main

if __name__ == "__main__":
    main()
