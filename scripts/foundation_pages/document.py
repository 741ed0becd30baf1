"""docs/foundations.md, from the JSON files beside its pictures: no number in it is typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from foundation_pages import PAGES
from foundation_pages.machine import sentence
from foundation_pages.work import words_of

HEAD = """# Foundations, rung by rung

The first lessons of both courses, each worked out from scratch, checked against an oracle of its own, and measured.
`python scripts/foundations.py --docs` writes this page. The code of a lesson is the file of its name in
`scripts/foundation_pages/`, to be read beside the book.
"""


def records(folder: Path) -> dict[str, dict[str, Any]]:
    """By name, in the order of the lessons, what was measured."""
    files = {name: folder / f"{name}.json" for name in PAGES}
    return {name: json.loads(file.read_text(encoding="utf-8")) for name, file in files.items() if file.is_file()}


def render(found: dict[str, dict[str, Any]]) -> str:
    """The whole page; pictures are `foundations/<name>.png` beside it."""
    machines = {name: sentence(record["machine"]) for name, record in found.items()}
    alike = len(set(machines.values())) == 1
    parts = [HEAD]
    if alike:
        parts.append(
            f"Measured {next(iter(machines.values()))}. Other machines give other times, and the same checks.\n"
        )
    parts.append("".join(f"- [{record['title']}](#{name})\n" for name, record in found.items()))
    for name, record in found.items():
        title, lead, reading = words_of(name)
        parts.append(f'<a id="{name}"></a>\n\n## {title}\n\n{lead}\n\n    python scripts/foundations.py {name}\n')
        if not alike:
            parts.append(f"Measured {machines[name]}.\n")
        if record["picture"]:
            parts.append(f"![{title}](foundations/{name}.png)\n")
        parts += [_table(table) for table in record["tables"]]
        parts.append(f"{reading}\n")
        parts.append(_checks(record["checks"]))
    return "\n".join(parts)


def _table(table: dict[str, Any]) -> str:
    heads = [heading.removesuffix("<") for heading in table["columns"]]
    rule = ["---" if heading.endswith("<") else "---:" for heading in table["columns"]]
    lines = [_row(heads), _row(rule), *(_row(row) for row in table["rows"])]
    return f"{table['caption']}:\n\n" + "\n".join(lines) + "\n"


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _checks(checks: list[str]) -> str:
    lines = "".join(f"- {check}\n" for check in checks)
    return f"<details><summary>{len(checks)} checks held</summary>\n\n{lines}\n</details>\n"
