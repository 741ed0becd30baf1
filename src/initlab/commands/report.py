"""Write report.html into the folder of a run or a sweep:

  python scripts/report.py outputs/latest_run

Several runs are compared on one page, compared.html in the folder of the first.
"""

import argparse

from initlab.cli.main import one_line_errors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", metavar="DIR", nargs="+", help="of a run or a sweep, such as outputs/latest_run")
    folders = parser.parse_args().folders
    with one_line_errors():
        from initlab.report import write_report

        print(write_report(*folders))
