"""One HTML file with everything in it: text, style, script, the plotting library and the figures."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from initlab.plots import style

if TYPE_CHECKING:
    import jinja2

LOOK = {
    "colours": [*style.COLOURS[:6], style.FAINT],
    "scales": style.SCALES,
    "maps": {quantity: style.MAPS[quantity] for quantity in style.SCALES},
    "zero": style.ZERO,
    "broken": style.NOT_FINITE,
}
SCRIPTS = ("figures.js", "charts.js", "run.js", "sweep.js", "main.js")


def render(template: str, figures: dict[str, Any], blob: bytes, **context: Any) -> str:
    """The page of `template`; whatever text it is given is escaped, and only the page's own two scripts may run:
    their hashes stand in its content security policy, which also forbids any connection."""
    script = "".join(
        [
            "'use strict';(() => {\n",
            f"const LOOK = {json.dumps(LOOK)};\n",
            *(_part(name) for name in SCRIPTS),
            "})();\n",
        ]
    )
    library, library_hash = plotly()
    page = _environment().get_template(template)
    return page.render(
        **context,
        style=_part("page.css"),
        script=script,
        hashes=" ".join(f"'sha256-{h}'" for h in (_hash(script.encode()), library_hash)),
        library=library,
        figures=packed(json.dumps(figures, separators=(",", ":"), allow_nan=False).encode()),
        blob=packed(blob),
    )


def _part(name: str) -> str:
    return (Path(__file__).parent / "page" / name).read_text("utf-8")


@cache
def _environment() -> jinja2.Environment:
    """It keeps the templates that it has compiled."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FunctionLoader(_part),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def plotly() -> tuple[str, str]:
    """plotly.js, packed: 4.8 MB become 2.3, in 50 ms; and its hash."""
    where = find_spec("plotly")  # importing it would take 70 ms
    assert where is not None
    assert where.origin is not None
    content = (Path(where.origin).parent / "package_data" / "plotly.min.js").read_bytes()
    content = content.replace(b"\r\n", b"\n")  # as a browser reads it, so that the hash is right
    return packed(content), _hash(content)


def packed(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, 1, mtime=0)).decode()


def _hash(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()
