"""Assemble docs/explorer.html: the forecast of any chain of dense layers, at once, in a browser.

    python scripts/explorer.py

Its parts are in scripts/explorer_page/; every number in it that the library has too is taken from there.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from initlab import limits
from initlab.checks.rules import ACTIVATION_NAMES
from initlab.composition import compose
from initlab.forecasting import rates, rule
from initlab.forecasting.from_config import forecast_run
from initlab.forecasting.on_paper import REPELS, TAILS, UNSTABLE, WIDEST
from initlab.init import Normal
from initlab.nn.activations import LEAKY_SLOPE
from initlab.plots import style
from initlab.theory import FASHION_MNIST, elementwise
from initlab.theory.critical import critical_point
from initlab.theory.recursion import BATCH

PARTS = Path(__file__).with_name("explorer_page")
SCRIPTS = ("gauss.js", "chance.js", "recursion.js", "rule.js", "words.js", "charts.js", "plane.js", "main.js")
PAGE = Path(__file__).parents[1] / "docs" / "explorer.html"
REPORT = Path(rule.__file__).parents[1] / "report" / "page"


def main() -> None:
    PAGE.write_text(assembled(), "utf-8")
    print(f"{PAGE}  {PAGE.stat().st_size / 1024:.0f} KB")


def assembled() -> str:
    names = (f"const RULE = {json.dumps(numbers())};\n", *((PARTS / name).read_text("utf-8") for name in SCRIPTS))
    script = "'use strict';(() => {\n" + "".join(names) + "})();\n"
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = (PARTS / "page.html").read_text("utf-8")
    looks = (REPORT / "page.css").read_text("utf-8") + (PARTS / "page.css").read_text("utf-8")
    for name, text in (("HASH", f"'sha256-{digest}'"), ("STYLE", looks), ("SCRIPT", script)):
        page = page.replace(f"@{name}@", text)
    return page


def numbers() -> dict[str, Any]:
    """The constants of the theory and of the rule, and what the default run is."""
    defaults = {name: compose(f"optimizer={name}", run_dir="unused") for name in ("sgd", "adam")}
    run = forecast_run(defaults["sgd"])
    assert run.rate is not None
    return {
        "inputs": {
            "squares": FASHION_MNIST.squares,
            "similarity": FASHION_MNIST.similarity,
            "pair_square": FASHION_MNIST.overlap,
            "columns": FASHION_MNIST.columns,
        },
        "num_inputs": run.widths[0],
        "num_outputs": run.widths[-1],
        "batch": BATCH,
        "run_steps": run.rate.steps,
        "record_steps": rates.STEPS,
        "lr": {"sgd": defaults["sgd"].lr, "momentum": defaults["sgd"].lr, "adam": defaults["adam"].lr},
        "momentum": 0.9,
        "leaky_slope": LEAKY_SLOPE,
        "gains": {name: portable(elementwise(name).gain) for name in ACTIVATION_NAMES},
        "critical": {name: critical(name) for name in ACTIVATION_NAMES},
        "normal_sigma": Normal().sigma,
        "words": [rule.TRAINS, rule.NOT, rule.UNSURE],
        "suitable": rule.SUITABLE,
        "records": {
            kind: {"any_rate": rule.record(kind, of_rate=False), "of_rate": rule.record(kind, of_rate=True)}
            for kind in ("sgd", "adam")
        },
        "lost": limits.LOST,
        "gained": limits.GAINED,
        "bounded": limits.BOUNDED,
        "edge": limits.EDGE,
        "too_small": limits.TOO_SMALL,
        "too_large": {kind: [by[False], by[True]] for kind, by in limits.TOO_LARGE.items()},
        "edge_small": limits.EDGE_SMALL,
        "too_far": {kind: [by[False], by[True]] for kind, by in limits.TOO_FAR.items()},
        "edge_large": limits.EDGE_LARGE,
        "unstable_gain": limits.UNSTABLE_GAIN,
        "digits": rates.DIGITS,
        "repels": REPELS,
        "unstable": UNSTABLE,
        "tails": TAILS,
        "widest": WIDEST,
        "diverging": style.DIVERGING,
        "colours": style.COLOURS[:5],
    }


def critical(name: str) -> dict[str, float]:
    point = critical_point(elementwise(name))
    return {"sigmaW": portable(point.sigma_w), "sigmaB": portable(point.sigma_b), "q": portable(point.q)}


def portable(x: float) -> float:
    """Without the last digits, which another version of torch computes otherwise."""
    return float(f"{x:.14g}")


if __name__ == "__main__":
    main()
