"""Every notebook of docs/notebooks/ runs from top to bottom, in an empty folder, from the installed package."""

import os
import re
import subprocess
import sys
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from children import PATIENCE

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def read(path: Path) -> Any:
    return pytest.importorskip("nbformat", reason="nbclient is not installed").read(path, as_version=4)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_stripped(path: Path) -> None:
    """`jupyter nbconvert --clear-output --inplace docs/notebooks/*.ipynb` strips them."""
    notebook = read(path)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert "version" not in notebook.metadata.language_info  # of the one who saved it last


class Checked(HTMLParser):
    """Tags that close, nothing that runs or is fetched, no colour of text but in the marks of a plot."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in ("script", "style", "link", "iframe", "img", "a")
        assert not [name for name, _ in attrs if name.startswith("on") or name in ("src", "href")]
        colours = re.findall(r"(?:^|;)\s*(?:background|color):([^;]+)", dict(attrs).get("style") or "")
        assert tag == "span" or set(colours) <= {"inherit", "none"}
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None: ...

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.slow(seconds=20)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_from_the_wheel_in_an_empty_folder(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(tmp_path / "site")
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    notebook = read(path)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    used = "import initlab; print(initlab.__file__)"
    notebook.cells.append(pytest.importorskip("nbformat").v4.new_code_cell(used))
    client = nbclient.NotebookClient(
        notebook, timeout=PATIENCE, startup_timeout=PATIENCE, kernel_name="python3",
        resources={"metadata": {"path": empty}},
    )  # fmt: skip
    client.execute()

    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert outputs[-1].text.strip() == str(tmp_path / "site" / "initlab" / "__init__.py")
    assert not [output.text for output in outputs if output.output_type == "stream" and output.name == "stderr"]
    printed = "".join(output.text for output in outputs if output.output_type == "stream")
    assert len(printed.splitlines()) < 60  # of three hundred epochs
    assert "\x1b" not in printed
    shown = [output.data for output in outputs if output.output_type == "execute_result"]
    ours = [data for data in shown if "initlab " in data.get("text/html", "")]
    assert len(ours) == 5
    for data in ours:
        Checked(data["text/html"])
        assert len(data["text/html"]) < 40_000
        assert data["text/plain"]
    forecasts = [data["text/plain"] for data in ours[:2]]
    assert ["will not train" in text for text in forecasts] == [True, False]
    assert "It trained." in ours[3]["text/plain"]
    assert all(f"{name}" in ours[4]["text/html"] for name in ("kaiming", "normal", "zeros"))
    assert os.listdir(empty / "runs") == ["xor"]
