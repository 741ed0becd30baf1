"""Write report.html into the folder of a run or a sweep:

  python scripts/report.py outputs/latest_run

Several runs are compared on one page, compared.html in the folder of the first.
"""

import argparse
import sys

from initlab.errors import UserError
from initlab.report import write_report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", metavar="DIR", nargs="+", help="of a run or a sweep, such as outputs/latest_run")
    try:
        page = write_report(*parser.parse_args().folders)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    print(page)
