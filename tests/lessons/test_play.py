"""The lessons played in a terminal: by a script's input, by Ctrl-C, on a terminal of its own."""

import os
import pty
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from children import TRAIN, answered, command, wait_for
from rich.console import Console

from initlab.lessons import Lesson, play, sheet
from initlab.lessons.terminal import right

LESSON = TRAIN.with_name("lesson.py")
Typed = Callable[[list[str]], None]


def typed_rightly(lesson: Lesson) -> list[str]:
    """What a student types who knows."""
    return [str(ask["answer"] + 1) if ask["kind"] == "choice" else str(ask["answer"]).lower() for ask in lesson.asks]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Typed:
    def given(lines: list[str]) -> None:
        left = iter(lines)

        def ask(prompt: str) -> str:
            print(prompt)
            try:
                return next(left)
            except StopIteration:
                raise EOFError from None

        monkeypatch.setattr("builtins.input", ask)

    return given


def test_who_knows_everything_gets_every_point(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in range(12):
        lessons = sheet(seed)
        typed([line for lesson in lessons for line in typed_rightly(lesson)])
        play(seed)
        said = " ".join(capsys.readouterr().out.split())
        asked = sum(len(lesson.asks) for lesson in lessons)
        assert f"Score {asked} of {asked}, seed={seed}. Nothing to look at again." in said
        for lesson in lessons:
            for part in (lesson.why, lesson.forecast["says"], f"page {lesson.page} of the gallery"):
                assert " ".join(part.split()) in said
            assert all(" ".join(ask["seen"].split()) in said for ask in lesson.asks)


def test_what_is_no_answer_is_asked_for_again(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    lesson = sheet(3)[0]
    typed(["", "what?", "-1", *typed_rightly(lesson)])
    play(3)
    said = " ".join(capsys.readouterr().out.split())
    assert said.count(": must be ") == 3
    assert f"Score {len(lesson.asks)} of {len(lesson.asks)}, seed=3." in said


@pytest.mark.parametrize("width", [50, 80, 100])
def test_no_line_is_wider_than_the_terminal(
    width: int, typed: Typed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    console = Console(width=width)
    monkeypatch.setattr("initlab.console.CONSOLE", console)
    monkeypatch.setattr("initlab.lessons.terminal.CONSOLE", console)
    for seed in range(8):
        typed([line for lesson in sheet(seed) for line in typed_rightly(lesson)])
        play(seed)
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if len(line) > width and " " in line.strip()[:-1].removesuffix("\\").strip()] == []


def test_live_shows_what_a_run_says(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    lesson = sheet(3)[0]
    typed(typed_rightly(lesson))
    play(3, live=lambda one: f"trained {one.page} here")
    assert f"trained {lesson.page} here" in capsys.readouterr().out


def test_a_real_process_reads_its_answers_from_a_pipe(tmp_path: Path) -> None:
    lines = [line for lesson in sheet(5) for line in typed_rightly(lesson)]
    (tmp_path / "answers").write_text("nonsense\n" + "\n".join(lines[:4]))
    code = "import os, runpy, sys; os.dup2(os.open('answers', os.O_RDONLY), 0); sys.stdin = open(0); del sys.argv[0]"
    done = answered(
        "-c", f"{code}; runpy.run_path(sys.argv[0], run_name='__main__')", str(LESSON), "seed=5", cwd=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "nonsense: must be" in done.stdout
    assert "Score " in done.stdout.splitlines()[-1] or "Score " in done.stdout.splitlines()[-2]
    assert [path.name for path in tmp_path.iterdir()] == ["answers"]
    for words, sentence in (
        ("seed=three", "seed=three: must be a whole number"),
        ("sed=3", "did you mean seed?"),
        ("live=yes", "live=yes: must be true or false"),
    ):
        wrong = answered(LESSON, words, cwd=tmp_path)
        assert wrong.returncode == 2
        assert sentence in wrong.stderr
        assert len(wrong.stderr.splitlines()) == 1


@pytest.mark.slow
def test_on_a_terminal_until_ctrl_c(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    process = command(
        LESSON, "seed=5", stdin=theirs, stdout=theirs, stderr=theirs, cwd=tmp_path, start_new_session=True
    )
    os.close(theirs)
    said = b""

    def heard() -> None:
        nonlocal said
        with suppress(OSError):  # nothing yet, or its other end is closed
            said += os.read(ours, 1 << 16)

    def asked(times: int) -> bool:
        heard()
        return said.count(b"\n> ") >= times

    lines = typed_rightly(sheet(5)[0])
    try:
        for i, line in enumerate(lines, 1):
            wait_for(partial(asked, i), lambda: process.poll() is None)
            os.write(ours, f"{line}\n".encode())
        wait_for(partial(asked, len(lines) + 1), lambda: process.poll() is None)
        process.send_signal(signal.SIGINT)
        wait_for(lambda: heard() or process.poll() is not None, lambda: True)
        heard()
    finally:
        process.kill()
        os.close(ours)
    assert process.wait() == 0
    assert f"Score {len(lines)} of {len(lines)}, seed=5.".encode() in said
    assert b"Traceback" not in said


@pytest.mark.slow
def test_live_trains_the_network_of_the_lesson() -> None:
    from initlab.lessons.live import trained

    lesson = next(
        one
        for seed in range(50)
        for one in sheet(seed)
        if one.words == ("experiment=d2l_variance_1000", "init.sigma=0.01")
    )
    assert "It trained." in trained(lesson)


def test_right_in_words() -> None:
    assert [
        right(ask)
        for ask in (
            {"kind": "layer", "answer": None},
            {"kind": "layer", "answer": 3},
            {"kind": "number", "answer": 2.7e-5},
        )
    ] == ["none", "layers.3", "2.7e-05"]
