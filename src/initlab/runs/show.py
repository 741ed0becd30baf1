"""A run in a notebook: what its page says first."""

from __future__ import annotations

from initlab.notebook import Shown, card, plot, small, table
from initlab.runs.open_run import Run
from initlab.runs.outcome import facts, outcome

FINDINGS = 5


def show_run(run: Run) -> Shown:
    how = outcome(run)
    forecast = str(run.forecast.get("says") or "")
    found = [
        f"{item.get('kind', 'finding')}: {item.get('says') or item.get('sentence') or ''}" for item in run.findings
    ]
    more = [f"... and {len(found) - FINDINGS} more findings"] if len(found) > FINDINGS else []
    sentences = [how.reached, how.because, how.cause, f"Forecast: {forecast}" if forecast else ""]
    sentences += [f"Finding: {one}" for one in found[:FINDINGS]] + more
    metrics = facts(run)
    page = run.path / "report.html"
    where = f"{page if page.is_file() else run.path}"
    text = [how.says, *filter(None, sentences), *(f"{name} {value}" for name, value in metrics.items()), where]
    parts = table({name: [value] for name, value in metrics.items()}) if metrics else ""
    parts += plot("loss by epoch", {name: _by_epoch(run, name) for name in ("train/loss", "val/loss")})
    parts += small(where)
    tone = "bad" if how.bad else "good" if how.word == "trained" else "open"
    html = card(how.says, sentences, tone, f"initlab run · {run.path.name}", parts)
    return Shown("\n".join(text), html)


def _by_epoch(run: Run, name: str) -> dict[int, float]:
    return {epoch + 1: value for epoch, value in run.curves.get(name, {}).items()}
