"""The wheel, used where there is no source tree."""

import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

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


def run(installed: Path, here: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`initlab WORDS` in an empty folder; the interpreter's own path comes behind the wheel's content."""
    code = f"import sys; sys.path.insert(0, {str(installed)!r}); sys.argv = ['initlab', *sys.argv[1:]]"
    code += "; from initlab.__main__ import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *words], cwd=here, capture_output=True, text=True, timeout=300,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip


@pytest.mark.slow
def test_it_trains_forecasts_and_reports_by_itself(installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, "train", "model=linear", "data=synthetic_regression", "trainer.max_epochs=1")
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "outputs" / "runs").glob("*_*")
    assert "initlab train -m model=linear" in done.stdout  # what it proposes next can be typed
    assert "scripts/" not in done.stdout
    assert (folder / "report.html").stat().st_size > 1e5
    told = run(installed, tmp_path, "forecast", "model.depth=20", "init=normal", "model.activation=tanh")
    assert "will not train" in told.stdout
    assert "initlab train" in told.stdout
    page = run(installed, tmp_path, "report", str(folder))
    assert (page.returncode, page.stdout.strip()) == (0, str(folder / "report.html"))
    tested = run(installed, tmp_path, "evaluate", "run=latest")
    assert tested.returncode == 0, tested.stderr


def test_what_is_no_command_gets_one_sentence(installed: Path, tmp_path: Path) -> None:
    said = run(installed, tmp_path, "trian")
    assert (said.returncode, said.stderr) == (
        2, "error: initlab trian: must be one of train, forecast, evaluate, explain, lesson, report; did you mean "
        "train?\n",
    )  # fmt: skip
    assert "initlab forecast" in run(installed, tmp_path, "--help").stdout
    assert "  initlab train model=mlp" in run(installed, tmp_path, "train", "--help").stdout
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
