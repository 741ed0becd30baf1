"""Write the lessons: src/initlab/lessons/deck.json, which the package carries, and docs/lessons.html, of the same.

    python scripts/lessons_page.py

Questions and reasons are in scripts/lesson_page/lessons.yaml; every answer is taken from docs/pages/*.json, the
gallery's records, or from the forecast.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from lesson_page.deck import deck

from initlab import report
from initlab.lessons.sheet import DECK, LENGTH

PARTS = Path(__file__).with_name("lesson_page")
SCRIPTS = ("sheet.js", "answers.js", "chart.js", "main.js")
PAGE = Path(__file__).parents[1] / "docs" / "lessons.html"
LOOKS = (Path(report.__file__).parent / "page" / "page.css", PARTS / "page.css")


def main() -> None:
    DECK.write_text(as_text(deck()), "utf-8")
    PAGE.write_text(assembled(), "utf-8")
    for path in (DECK, PAGE):
        print(f"{path}  {path.stat().st_size / 1024:.0f} KB")


def as_text(pages: list[dict[str, Any]]) -> str:
    """A lesson a line."""
    parts = []
    for page in pages:
        lessons = ",\n".join(json.dumps(lesson, ensure_ascii=False) for lesson in page["lessons"])
        head = json.dumps({key: page[key] for key in ("page", "question")}, ensure_ascii=False)
        parts.append(f'{head[:-1]}, "lessons": [\n{lessons}]}}')
    return "[" + ",\n".join(parts) + "]\n"


def assembled() -> str:
    """The page, of deck.json."""
    data = f"const DECK = {DECK.read_text('utf-8').strip()};\nconst LENGTH = {LENGTH};\n".replace("<", "\\u003c")
    script = (
        "'use strict';(() => {\n" + data + "".join((PARTS / name).read_text("utf-8") for name in SCRIPTS) + "})();\n"
    )
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = (PARTS / "page.html").read_text("utf-8")
    looks = "".join(path.read_text("utf-8") for path in LOOKS)
    for name, text in (("HASH", f"'sha256-{digest}'"), ("STYLE", looks), ("SCRIPT", script)):
        page = page.replace(f"@{name}@", text)
    return page


if __name__ == "__main__":
    main()
