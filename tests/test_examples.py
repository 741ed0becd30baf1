"""The scripts in examples/ run as they stand, in under 40 lines each, and say what they are there to show."""

import runpy
from pathlib import Path

import lightning as L
import pytest

from initlab.proof import module_changes

EXAMPLES = sorted((Path(__file__).resolve().parents[1] / "examples").glob("*.py"))
SAYS = {
    "cnn": ("will not train", "It did not train because of the initialisation.", "No learning rate from"),
    "lstm": ("trains with a suitable learning rate", "It did not train because of the learning rate."),
    "transformer": ("trains with a suitable learning rate", "left alone: weight and bias of 4 LayerNorm"),
}


@pytest.mark.slow
@pytest.mark.parametrize("script", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_shows_what_it_is_for(
    script: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With fewer learning rates and schemes tried than there are."""
    assert len(script.read_text().splitlines()) < 40
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module_changes, "RATES", (1e-4, 1e-2, 1.0))
    monkeypatch.setattr(module_changes, "SCHEMES", ("kaiming",))
    monkeypatch.setattr("warnings.filters", [("ignore", None, Warning, None, 0)])
    with L.pytorch.utilities.seed.isolate_rng():
        runpy.run_path(str(script), run_name="__main__")
    said, told = capfd.readouterr()
    shown = " ".join((said + told).split())
    assert [words for words in SAYS[script.stem] if words not in shown] == []
    assert {path.name for path in tmp_path.iterdir()} == {"outputs"}
