"""Write report.html into the folder of a run or a sweep: python scripts/report.py outputs/runs/latest

Given several runs it lays them over each other, in compared.html of the first.
"""

import argparse
import sys

from initlab.errors import UserError
from initlab.report import write_report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "folders", metavar="DIR", nargs="+", help="outputs/runs/latest, outputs/sweeps/latest, or any such folder"
    )
    try:
        page = write_report(*parser.parse_args().folders)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    print(page)


if __name__ == "__main__":
    main()
