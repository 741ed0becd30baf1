"""The page about one run."""

from __future__ import annotations

import math
from typing import Any

from initlab.numbers import duration
from initlab.report import captions, explained, figures, html
from initlab.runs import Run
from initlab.runs.outcome import blame, facts, outcome, sentence
from initlab.runs.reader import number

LATER_POINTS, LATER_HISTOGRAMS = 600, 80  # after the first 100 steps
MOST_HISTOGRAMS = 12_000  # of all layers and steps together, 64 bytes each
MOST_FIGURES = 900_000  # of all pictures together, two bytes each


def run_page(run: Run) -> str:
    blob = figures.Blob()
    later = LATER_POINTS
    while later > 20 and figures.weight_of_pictures(run, later) > MOST_FIGURES:
        later //= 2
    data: dict[str, Any] = {
        "kind": "run",
        "epochs": figures.epochs(run, 1000),
        "broken": figures.broken(run),
        "loss": figures.loss_curve(run, 2000),
        "pictures": figures.pictures(run, blob, later),
        "histograms": figures.histograms(run, blob, LATER_HISTOGRAMS, MOST_HISTOGRAMS),
        "forecast": figures.forecast(run),
        "lines": figures.guessing_lines(run),
        "explained": explained.curves(run, blob),
        "names": {name: captions.metric_name(name) for name in run.epochs},
    }
    how, predicted = outcome(run), captions.forecast_line(run)
    fix = captions.fix(run) if how.bad else ("", "")
    environment, packages = captions.environment_rows(run)
    return html.render(
        "run.html",
        data,
        blob.content(),
        title=captions.run_title(run),
        eyebrow=" · ".join(part for part in ("initlab run", captions.when(run)) if part),
        subtitle=captions.run_subtitle(run),
        folder=run.path.name,
        outcome=how,
        blame=blame(run.findings),
        explained=explained.words(run),
        fix=fix if any(fix) else None,
        layered=figures.hidden(run) > 0,
        facts=_facts(run),
        findings=[_finding(item, advises=not any(fix)) for item in run.findings],
        watched=bool(run.recorded) and run.finished and not run.findings and how.word == "trained",
        has_epochs=len(data["epochs"].get("epoch", ())) > bool(data["loss"]["steps"]),
        has_losses=bool(data["loss"]["steps"]),
        has_signal=bool(data["pictures"]),
        has_histograms=bool(data["histograms"]),
        has_forecast=bool(data["forecast"] or predicted),
        captions=captions.CAPTIONS,
        command=captions.again(run),
        forecast=predicted,
        config_text=run.config_text,
        environment=environment,
        packages=packages,
        failure=str(run.failed.get("traceback", "")),
        troubles=captions.troubles(run),
    )


def _facts(run: Run) -> list[tuple[str, str]]:
    found = list(facts(run).items())
    if run.epochs["epoch"]:
        found.append(("epochs", f"{max(run.epochs['epoch']) + 1:.0f}"))
    if run.summary is not None:
        found.append(("time", duration(number(run.summary.get("seconds")))))
    return found


def _finding(item: dict[str, Any], advises: bool) -> dict[str, str]:
    """Its record in the words of the page; a record that lacks something is shown as far as it goes."""
    layers = [str(name) for name in item.get("layers") or []] if isinstance(item.get("layers"), list) else []
    where = " and ".join(layers) if len(layers) < 3 else f"{layers[0]} … {layers[-1]} ({len(layers)} of them)"
    since = item.get("since")
    when = "from step 0, the initialisation" if item.get("from_the_start") else f"since step {since}"
    if item.get("at_the_end") is False:
        when += "; gone by the end"
    value = number(item.get("value"))
    says = str(item.get("says") or item.get("sentence") or "")
    if item.get("measure") and math.isfinite(value) and f"{value:.3g}" not in says:
        says += f" ({item['measure']}: {value:.3g})"
    return {
        "kind": str(item.get("kind", "finding")).capitalize(),
        "when": when,
        "where": f"{where}: " if where else "",
        "says": sentence(says),
        "advice": sentence(str(item["advice"])) if advises and item.get("advice") else "",
    }
