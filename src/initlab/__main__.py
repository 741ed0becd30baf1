"""`initlab train model=mlp init=kaiming`; also `python -m initlab train ...`. Each command is a file of
`initlab.commands`."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import version

from initlab.checks.rule import did_you_mean

COMMANDS = {
    "train": "train a model, or a sweep of models with -m",
    "forecast": "will it train? Answered without training",
    "evaluate": "a past run's model on its test set",
    "explain": "why a run did not train, shown by the run in which one thing was different",
    "lesson": "predict, then look: ten networks of the textbooks, and a score",
    "report": "write the page of a run or a sweep",
}


def main() -> None:
    name, *words = sys.argv[1:] or ["--help"]
    if name in ("--help", "-h"):
        print("initlab COMMAND WORDS: why does this network (not) train from this initialisation?\n")
        print("\n".join(f"  initlab {command:<10}{says}" for command, says in COMMANDS.items()))
        print("\ninitlab COMMAND --help says more.")
    elif name == "--version":
        print(f"initlab {version('initlab')}")
    elif name not in COMMANDS:
        hint = did_you_mean(name, [*COMMANDS])
        print(f"error: initlab {name}: must be one of {', '.join(COMMANDS)}{hint}", file=sys.stderr)
        sys.exit(2)
    else:
        sys.argv = [f"initlab {name}", *words]
        import_module(f"initlab.commands.{name}").main()


if __name__ == "__main__":
    main()
