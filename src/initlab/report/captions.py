"""Captions, titles and rows of facts that the pages share."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

from initlab.errors import UserError
from initlab.invocation import command, of_a_sweep, sweeps
from initlab.override import replaced
from initlab.runs import Run
from initlab.runs.config_file import short_class
from initlab.runs.outcome import sentence
from initlab.runs.resume import LIMITS
from initlab.sweeps.record import read_record

CAPTIONS = {  # how to read each picture; data attributes of the page
    "data-std": "A std of 1 has the colour of the page. Ever bluer downwards: vanishing; ever redder: exploding.",
    "data-gradstd": "Of the loss with respect to each layer’s output. Even down a column: all layers learn alike; "
    "dark at the top: hardly anything reaches the first layers.",
    "data-dead": "Units that are 0 for the whole batch. Yellow: the layer is off.",
    "data-updateratio": "How far a step moves the weights, against their size. The colour of the page, from 1e-4 to "
    "1e-1, is usual; blue hardly moves, red moves too far.",
}  # fmt: skip
SHOWN_PACKAGES = ("torch", "lightning", "hydra-core", "numpy", "initlab")


def named(node: Any) -> str:
    """`normal (sigma 0.01)`: a group of the config in words; its class, and the plain values that it sets."""
    name = short_class(node)
    if not name:
        return "none"
    values = [f"{key} {value}" for key, value in node.items() if key[:1] != "_" and _telling(key, value)]
    return f"{name} ({', '.join(values)})" if values else name


def run_title(run: Run) -> str:
    """`MLP, 5 hidden layers of 256, relu, from init normal`; the folder's name where the config is not known."""
    model = run.settings.get("model")
    name = short_class(model)
    if not name or not isinstance(model, dict):
        return run.path.name
    parts = [name.replace("_", " ").capitalize().replace("Mlp", "MLP")]
    if isinstance(model.get("num_hiddens"), list):
        parts.append("hidden layers " + "-".join(map(str, model["num_hiddens"])))
    elif model.get("depth"):
        layers = "hidden layer" + "s" * (model["depth"] != 1)
        parts.append(f"{model['depth']} {layers} of {model.get('width')}")
    if model.get("activation"):
        parts.append(str(model["activation"]))
    init = short_class(run.settings.get("init"))
    return ", ".join(parts) + (f", from init {init}" if init else "")


def run_subtitle(run: Run) -> str:
    if not run.settings:
        return ""
    data = run.settings.get("data")
    batch = data.get("batch_size") if isinstance(data, dict) else None
    parts = [f"{group} {named(run.settings[group])}" for group in ("init", "optimizer") if run.settings.get(group)]
    if short_class(data):
        parts.append(f"data {short_class(data)}" + (f", batches of {batch}" if batch else ""))
    parts += [f"seed {run.settings['seed']}"] if "seed" in run.settings else []
    return " · ".join(parts)


def forecast_line(run: Run) -> str:
    """What was predicted, in one line; empty where nothing was."""
    found = run.forecast
    return str(found.get("says") or "") or ": ".join(str(found[key]) for key in ("verdict", "why") if found.get(key))


def troubles(run: Run) -> list[str]:
    """Which files are not there or broken, of those that were asked for, and what the page cannot show without them."""
    said = [*run.troubles]
    if not run.config_text:
        said.append("There is no config.yaml: what was run is not known.")
    if run.finished and not (run.path / "metrics.csv").exists():
        said.append("There is no metrics.csv: no learning curves (a run with logger=none keeps none).")
    if run.finished and not any((run.path / name).exists() for name in ("signal.csv", "activations.csv")):
        said.append("There is no signal.csv: no pictures of the layers (a run with callbacks=none keeps none).")
    return said


def when(run: Run | None) -> str:
    """`2026-11-21 12:48`, empty where it is not known."""
    return str(run.environment.get("started", ""))[:16].replace("T", " ") if run else ""


def metric_name(name: str) -> str:
    """`weight 0, true minus learned` for error/w0; others as they are."""
    kind, _, what = name.partition("/")
    if kind != "error":
        return name
    words = {"b": "bias, true minus learned", "distance": "distance from the true weights"}
    return words.get(what, f"weight {what[1:]}, true minus learned" if what[:1] == "w" else name)


def environment_rows(run: Run | None) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """What it ran on and with, in short, and every package."""
    if run is None or not run.environment:
        return [], []
    it = run.environment
    packages = it.get("packages") if isinstance(it.get("packages"), dict) else {}
    assert isinstance(packages, dict)
    rows = [
        (
            "with",
            ", ".join([f"Python {it.get('python')}", *(f"{n} {packages[n]}" for n in SHOWN_PACKAGES if n in packages)]),
        )
    ]
    rows.append(
        (
            "on",
            f"{it.get('platform')}; {it.get('cpu_count')} cores, {it.get('threads')} of them used; "
            f"{it.get('gpu') or 'no GPU'}",
        )
    )
    git = it.get("git")
    if isinstance(git, dict):
        changed = "" if git.get("clean") else ", with changes that were not committed (uncommitted.diff)"
        rows.append(("source", f"commit {git.get('commit')} of branch {git.get('branch')}{changed}"))
    rows.append(("began", str(it.get("started", ""))))
    return rows, [(str(name), str(version)) for name, version in packages.items()]


def fix(run: Run) -> tuple[str, str]:
    """The command that was proven to train, else the one that is predicted to, and what is known of it; where there is
    none what to try instead."""
    proven = run.explanation.get("command")
    if isinstance(proven, str) and proven and run.explanation.get("verdict") == "explained":
        return proven, f"(tried: {run.explanation.get('steps')} steps of it train, see below)"
    found = run.forecast.get("fix")
    if isinstance(found, dict) and found.get("command"):
        command_of_it, limits = str(found["command"]), _limits_since(run)
        if limits:  # the run was made, and so is this, by a command
            command_of_it = shlex.join(replaced(shlex.split(command_of_it), limits))
        return command_of_it, f"(forecast: {found.get('forecast', '')})"
    return "", next((sentence(str(one["advice"])) for one in run.findings if one.get("advice")), "")


def again(run: Run) -> str:
    """The command that reproduces a run, as far as it was trained last; empty where it is not known.

    A job of a sweep gets a command of its own: the words of the sweep, its own value in place of each swept one's,
    without those that only a sweep has.
    """
    words = run.environment.get("command")
    if not isinstance(words, list) or not words:
        return ""
    words = [str(word) for word in words]
    if words[0] in ("", "-c", "-m") or (words[0].endswith(".py") and Path(words[0]).name != "train.py"):
        return ""  # a program or a notebook of the user's
    if sweeps(words):
        overrides = _overrides_in_sweep(run.path)
        words = [w for w in words if not of_a_sweep(w) and w.split("=", 1)[0].lstrip("+~") not in overrides]
        words += [f"{key}={value}" for key, value in overrides.items()]
        if not overrides:
            return ""
    return command_line(replaced(words, _limits_since(run)), run)


def _limits_since(run: Run) -> list[str]:
    """The limits that commands which resumed the run have set."""
    resumed = run.environment.get("resumed")
    commands = [part.get("command") for part in resumed if isinstance(part, dict)] if isinstance(resumed, list) else []
    words = [word for typed in commands if isinstance(typed, list) for word in typed if isinstance(word, str)]
    latest = {word.partition("=")[0]: word for word in words}
    return [latest[key] for key in (f"trainer.{limit}" for limit in LIMITS) if key in latest]


def words_of(run: Run) -> list[str] | None:
    """The overrides of the command that made a run, where it wrote to aside; None: no such command is known."""
    typed = shlex.split(again(run).splitlines()[-1]) if again(run) else []
    if typed[:2] != command("train"):
        return None
    return [word for word in typed[2:] if not re.match(r"[+]*hydra\.run\.dir=", word)]


def command_line(words: list[str], run: Run | None) -> str:
    """What to type, from the commit that the run was made with."""
    if not words:
        return ""
    git = run.environment.get("git") if run else None
    lines = []
    if isinstance(git, dict) and git.get("commit"):
        lines.append(f"git checkout {git['commit']}")
        if not git.get("clean"):
            lines.append("git apply uncommitted.diff   # in the run's folder")
    first, *rest = words
    if first.startswith("initlab "):  # by the installed package
        return "\n".join([*lines, f"{first} {shlex.join(rest)}"])
    script, rest = (Path(first).name, rest) if first.endswith(".py") else ("train.py", words)
    return "\n".join([*lines, f"python scripts/{shlex.join([script, *rest])}"])


def _overrides_in_sweep(folder: Path) -> dict[str, str]:
    """What sets a run apart in the sweep around it, where a sweep.json says so."""
    folder = folder.resolve()
    try:
        _, jobs = read_record(folder.parent)
    except UserError:
        return {}
    return next((dict(job.overrides) for job in jobs if job.folder == folder.name), {})


def _telling(key: str, value: Any) -> bool:
    return (
        isinstance(value, (int, float, str))
        and not isinstance(value, bool)
        and value != 0
        and key not in ("task", "root")
    )
