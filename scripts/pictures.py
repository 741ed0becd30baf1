"""Draw the pictures of a run as PNG files, for a slide or a page: python scripts/pictures.py outputs/latest_run"""

import argparse
import sys
from pathlib import Path

from initlab.errors import UserError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="folder of a run; the pictures go into its folder pictures/")
    try:
        draw(parser.parse_args().run)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def draw(run: Path) -> None:
    from initlab.monitor.rows_in import read_history

    history = read_history(run)
    from PIL import Image

    from initlab.plots.signal_pictures import PICTURES
    from initlab.runs.atomic import whole_file

    (run / "pictures").mkdir(exist_ok=True)
    for picture in PICTURES.values():
        path = run / "pictures" / f"{picture.__name__}.png"
        with whole_file(path) as file:
            Image.fromarray(picture(history)).save(file, "PNG")
        print(path)


if __name__ == "__main__":
    main()
