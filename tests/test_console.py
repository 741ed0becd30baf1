"""What the terminal shows at any width: no word broken, every command a command."""

import shlex
import subprocess

import pytest

from initlab import console
from initlab.console import Column, as_text, say, say_command, show_table
from initlab.numbers import shown

WIDTHS = [100, 80, 50, 20]
TEXT = (
    "will not train: the first layer's gradient is 10^-15 of the last one's, too small to learn from "
    "(SGD needs 10^-2.25 or more) outputs/runs/2026-11-27_10-50-40_init-normal_model.depth-20/report.html"
)
COMMAND = shlex.split(
    "python scripts/train.py data=csv 'data.path=my file.csv' model.num_hiddens=[512,256] \"data.target='Price ($)'\" "
    "init=xavier model.activation=tanh '~callbacks.monitor' 'a!b=1'"
)


@pytest.fixture(params=WIDTHS)
def width(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(console.CONSOLE, "_width", request.param)
    assert request.param == console.CONSOLE.width
    return int(request.param)


@pytest.mark.parametrize("label", ["", "forecast"])
def test_no_word_is_broken(width: int, label: str, capsys: pytest.CaptureFixture[str]) -> None:
    say(TEXT, label, "bold red")
    lines = capsys.readouterr().out.splitlines()
    assert " ".join(lines).split() == [*([label] if label else []), *TEXT.split()]
    for line in lines:  # it fits, or is one long word
        assert len(line) <= width or len(line.removeprefix(label).split()) == 1


def test_a_command_can_be_pasted(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    say_command(COMMAND, "fix", "(forecast: trains)")
    said = capsys.readouterr().out.removeprefix("fix")
    command = said[: said.index("(forecast")].rstrip()
    again = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {command.lstrip()}"], capture_output=True, text=True, check=True
    )
    assert again.stdout.split("\0")[:-1] == COMMAND
    for line in said.splitlines()[1:]:
        assert len(line) <= width or len(shlex.split(line.rstrip("\\"))) == 1


def test_a_table_leaves_columns_out_and_cuts_no_cell(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    columns = [
        Column("layer", ["layers.0", "layers.10"], right=False),
        Column("inputs", ["784", "256"], rank=2),
        Column("parameters", ["200,960", "65,792"], rank=3),
        Column("weight std: formula", ["0.05051", "0.08839"], rank=1),
        Column("drawn", ["0.0504", "0.0885"], rank=1),
    ]
    show_table(columns, "the layers")
    said = capsys.readouterr().out
    assert "…" not in said
    table = [line for line in said.splitlines() if line[:1] in "╭│├╰"]
    assert all(len(line) <= width for line in table)
    for column in columns:
        inside = all(cell in said for cell in column.cells)
        assert inside or column.heading in said.partition("no room here for")[2]
    assert "layers.10" in said


@pytest.mark.parametrize("printed", ["in the terminal", "as text"])
def test_names_and_values_are_shown_as_they_are(printed: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Square brackets set no style, and a word between colons is no picture."""
    names = ["[k],[k,big]", "['[b]']", "[low] under $10", "[/x]", "run [red]", ":cat:"]

    def show(page: console.Console) -> None:
        show_table([Column("[dim]key", names, right=False)], "layers [0]", console=page)
        page.print(names[-3], names[-2], style="bold")

    said = as_text(80, show) if printed == "as text" else (show(console.CONSOLE), capsys.readouterr().out)[1]
    assert [line.strip("│ ") for line in said.splitlines() if "│" in line] == ["[dim]key", *names]
    assert said.splitlines()[0].rstrip() == "layers [0]"
    assert said.splitlines()[-1].rstrip() == "[/x] run [red]"


@pytest.mark.parametrize(
    ("number", "text"),
    [(2.302585, "2.3026"), (0.0, "0.0000"), (5.3e-5, "5.30e-05"), (0.01236, "0.0124"), (123.456, "123"),
     (12345.6, "1.23e+04"), (float("nan"), "nan"), (float("inf"), "inf"), (-0.0001, "-0.000100"), (None, "")],
)  # fmt: skip
def test_three_digits_at_least(number: float | None, text: str) -> None:
    assert shown(number) == text
