"""The wheel, used where there is no source tree."""

import json
import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from children import PATIENCE

import initlab

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel holds, as an installer would lay it out."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(folder / "site")
    return folder / "site"


COMMANDS = """
import contextlib, io, json, sys
site, commands = json.load(open("commands.json"))
sys.path.insert(0, site)  # the interpreter's own path comes behind the wheel's content
from initlab.__main__ import main
answers = []
for words in commands:
    sys.argv, out, err, status = ["initlab", *words], io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as leaving:
            status = leaving.code or 0
    answers.append([words, status, out.getvalue(), err.getvalue()])
json.dump(answers, open("answers.json", "w"))
"""


def run(installed: Path, here: Path, *commands: Sequence[str]) -> list[subprocess.CompletedProcess[str]]:
    """`initlab WORDS` for each of the commands, one after the other, in an empty folder and one process."""
    files = here / "commands.json", here / "answers.json"
    files[0].write_text(json.dumps([str(installed), commands]))
    subprocess.run(
        [sys.executable, "-c", COMMANDS], cwd=here, stdin=subprocess.DEVNULL, check=True, timeout=PATIENCE,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    answers = json.loads(files[1].read_text())
    for file in files:
        file.unlink()
    return [subprocess.CompletedProcess(*answer) for answer in answers]


@pytest.mark.slow
def test_it_trains_forecasts_and_reports_by_itself(installed: Path, tmp_path: Path) -> None:
    done, told, page, tested = run(
        installed, tmp_path,
        ["train", "model=linear", "data=synthetic_regression", "trainer.max_epochs=1"],
        ["forecast", "model.depth=20", "init=normal", "model.activation=tanh"],
        ["report", "outputs/latest_run"],
        ["evaluate", "run=latest"],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "outputs" / "runs").glob("*_*")
    assert "initlab train -m model=linear" in done.stdout  # what it proposes next can be typed
    assert "scripts/" not in done.stdout
    assert (folder / "report.html").stat().st_size > 1e5
    assert "will not train" in told.stdout
    assert "initlab train" in told.stdout
    assert (page.returncode, page.stdout.strip()) == (0, "outputs/latest_run/report.html")
    assert tested.returncode == 0, tested.stderr


def test_what_is_no_command_gets_one_sentence(installed: Path, tmp_path: Path) -> None:
    asked = [["trian"], ["--help"], ["train", "--help"], ["lesson", "seed=3"]]
    said, general, of_train, lesson = run(installed, tmp_path, *asked)
    assert (said.returncode, said.stderr) == (
        2, "error: initlab trian: must be one of train, forecast, evaluate, explain, lesson, report; did you mean "
        "train?\n",
    )  # fmt: skip
    assert "initlab forecast" in general.stdout
    assert "  initlab train model=mlp" in of_train.stdout  # the lesson asks, and finds its input at an end
    assert (lesson.returncode, lesson.stdout.splitlines()[-1]) == (
        0, "Nothing answered yet; seed=3 begins with the same network.",
    )  # fmt: skip
    assert not list(tmp_path.iterdir())


def test_the_wheel_has_every_config_and_no_more_than_its_packages(installed: Path) -> None:
    here, there = (
        {path.relative_to(folder) for path in (folder / "configs").rglob("*.yaml")}
        for folder in (ROOT, installed / "initlab")
    )
    assert here == there
    assert (installed / "initlab" / "py.typed").is_file()  # tests/users_types.py is a user's file for mypy
    tops = {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")}
    assert tops == {"initlab", "hydra_plugins"}
    (entry,) = installed.glob("*.dist-info/entry_points.txt")
    assert "initlab = initlab.__main__:main" in entry.read_text()


@pytest.mark.slow
def test_the_sdist_builds_the_same_wheel(installed: Path, tmp_path: Path) -> None:
    """Which a packager unpacks and builds, without git."""
    build = [sys.executable, "-m", "hatchling", "build"]
    subprocess.run([*build, "-t", "sdist", "-d", str(tmp_path)], cwd=ROOT, check=True, capture_output=True)
    (sdist,) = tmp_path.glob("*.tar.gz")
    assert sdist.stat().st_size < 20e6
    with tarfile.open(sdist) as file:
        file.extractall(tmp_path, filter="data")
    (source,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert {"README.md", "CHANGELOG.md", "LICENSE", "configs", "src", "tests"} <= {p.name for p in source.iterdir()}
    subprocess.run([*build, "-t", "wheel", "-d", str(tmp_path)], cwd=source, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        names = {name for name in file.namelist() if not name.endswith("RECORD")}
    there = {path.relative_to(installed).as_posix() for path in installed.rglob("*") if path.is_file()}
    assert names == {name for name in there if not name.endswith((".pyc", "RECORD"))}


def test_version_changelog_and_citation_agree() -> None:
    version = initlab.__version__
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == version
    assert f"\n## {version}\n" in (ROOT / "CHANGELOG.md").read_text()
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == version
