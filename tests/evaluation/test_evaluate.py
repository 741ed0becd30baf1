"""A past run on its test set: the figures are those of the run, and the pictures are of the right examples."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from children import answered
from lightning import LightningModule
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from PIL import Image

from initlab.composition import compose
from initlab.errors import UserError
from initlab.evaluation import evaluate
from initlab.evaluation.classification import Classified, confusion_matrix, most_confident_mistakes, per_class
from initlab.evaluation.regression import spread
from initlab.evaluation.terminal import show_evaluation
from initlab.plots.evaluation import confusion, mistakes, predicted
from initlab.plots.style import save
from initlab.run import train
from initlab.runs import open_checkpoint, open_run
from initlab.shipped import CONFIGS

SCRIPT = str(CONFIGS.parent / "scripts" / "evaluate.py")
DATA = f"data.root={CONFIGS.parent / 'data'}"


def test_counts_by_hand() -> None:
    y = torch.tensor([0, 0, 0, 1, 2, 2])
    logits = torch.tensor([[4.0, 0, 0], [0, 3, 0], [0, 9, 0], [0, 1, 0], [5, 0, 0], [0, 0, 1]])
    classified = Classified.of(y, logits)
    matrix = confusion_matrix(classified, 4)
    assert matrix.tolist() == [[1, 2, 0, 0], [0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]
    a, b, c, d = per_class(matrix, ["a", "b", "c", "d"])
    assert (a["examples"], a["right"], a["taken_for"], a["times"]) == (3, 1, "b", 2)
    assert (b["accuracy"], b["taken_for"]) == (1.0, None)
    assert c["accuracy"] == 0.5
    assert d["accuracy"] is None
    first, *_ = mistakes = most_confident_mistakes(classified)
    assert [mistake["index"] for mistake in mistakes] == [2, 4, 1]
    assert first["probability"] == pytest.approx(np.exp(9) / (np.exp(9) + 2))


def test_spread_by_hand() -> None:
    found = spread(torch.tensor([[1.0], [2.0], [6.0]]), torch.tensor([[2.0], [2.0], [4.0]]))
    assert found["test/rmse"] == pytest.approx((5 / 3) ** 0.5)
    assert found["test/r2"] == pytest.approx(1 - 5 / 14)  # the mean is 3: 4 + 1 + 9


@pytest.mark.parametrize("y", [[[3.0]], [[2.0], [2.0], [2.0]]])
def test_targets_without_a_spread_have_no_r2(y: list[list[float]]) -> None:
    assert spread(torch.tensor(y), torch.zeros(len(y), 1)).keys() == {"test/rmse"}


def test_one_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["model=linear", "data=synthetic_regression", "data.num_test=1", "trainer=cpu", "debug=fast"]
    run = open_run(train(compose(*words, run_dir=tmp_path / "run")).run_dir, weights="last")
    capsys.readouterr()
    show_evaluation(run, found := evaluate(run))
    assert found["metrics"].keys() == {"test/loss", "test/rmse"}
    said = capsys.readouterr().out
    assert "1 test example\n" in said
    assert "inf" not in said


def test_names_of_classes_and_folders_are_printed_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["[low] under $10", "[/x]", "[b]"]
    classes = per_class(torch.tensor([[1, 1, 0], [0, 2, 0], [1, 0, 1]]), names)
    found = {"metrics": {"test/acc": 4 / 6}, "examples": 6, "classes": classes}
    run: Any = SimpleNamespace(path=tmp_path / 'r <&> "x" [red]', weights="best")
    show_evaluation(run, found)
    first, metrics, *lines, _ = capsys.readouterr().out.splitlines()
    assert first == 'r <&> "x" [red], best weights, 6 test examples'
    assert metrics == "acc 0.6667"
    cells = [[cell.strip() for cell in line.split("│")] for line in lines if line.startswith("│")][1:]
    assert [row[1] for row in cells] == names
    assert [row[4] for row in cells] == ["[/x] (50.0%)", "", f"{names[0]} (50.0%)"]


def test_dollars_in_names_are_drawn_as_they_are(tmp_path: Path) -> None:
    """Between two of them matplotlib reads a formula, of which not every name is one."""
    names = ["$10_$20", r"$\foo{$", "$a$"]
    wrong = [{"predicted": i, "true": (i + 1) % 3, "probability": 0.5} for i in range(3)]
    y = np.arange(3.0)
    for draw in (
        lambda: confusion(np.ones((3, 3), int).tolist(), names, names[0]),
        lambda: mistakes(np.zeros((3, 4, 4, 1)), wrong, names),
        lambda: predicted(y, y, names[1], {"test/rmse": 0.0}),
    ):
        kept: list[Any] = []
        save(lambda draw=draw, kept=kept: kept.append(draw()) or kept[0], tmp_path / "a.png")
        assert any("$" in text.get_text() for text in kept[0].findobj(Text))
        assert not any(text.get_parse_math() for text in kept[0].findobj(Text))


def test_images(tmp_path: Path) -> None:
    words = ["model=softmax", "trainer=cpu", "threads=1", "trainer.max_epochs=2", "trainer.limit_train_batches=20"]
    result = train(compose(*words, DATA, run_dir=tmp_path / "run"))
    found = evaluate(open_run(result.run_dir))
    assert found["metrics"] == {k: v for k, v in result.metrics.items() if k.startswith("test/")}  # to the bit
    assert found == json.loads((result.run_dir / "evaluation" / "metrics.json").read_text())

    with torch.no_grad():  # the test left the best epoch's weights in the model
        X, y = result.data.splits.test
        logits = result.model(result.data.transform(X)).numpy().astype(float)
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = np.zeros((10, 10), int)
    np.add.at(expected, (y.numpy(), p.argmax(1)), 1)
    assert found["confusion"] == expected.tolist()
    assert sum(row["right"] for row in found["classes"]) / 10_000 == found["metrics"]["test/acc"]
    surest = np.where(p.argmax(1) == y.numpy(), 0, p.max(1)).argmax()
    assert found["mistakes"][0]["index"] == surest
    assert found["classes"][0]["class"] == "t-shirt"

    for name in ("confusion", "mistakes"):
        with Image.open(result.run_dir / "evaluation" / f"{name}.png") as picture:
            assert min(picture.size) > 500
            assert len(np.unique(np.asarray(picture.convert("L")))) > 50
    assert open_checkpoint(result.run_dir / "checkpoints" / "last.ckpt").weights == "last"


def test_numbers(tmp_path: Path) -> None:
    words = ["model=linear", "data=synthetic_regression", "init=normal", "trainer=cpu", "threads=1"]
    result = train(compose(*words, run_dir=tmp_path / "run"))
    found = evaluate(open_run(result.run_dir))
    assert [(row["name"], row["true"]) for row in found["parameters"]] == [
        ("w0", 2.0), ("w1", pytest.approx(-3.4)), ("b", 4.2),
    ]  # fmt: skip
    w1 = found["parameters"][1]
    assert w1["error"] == pytest.approx(w1["true"] - w1["learned"])
    # The noise has std 0.01; of 1000 draws the root mean square is within 5 sigma / sqrt(2 n) of that.
    assert found["metrics"]["test/rmse"] == pytest.approx(0.01, rel=5 / 2000**0.5)
    assert (result.run_dir / "evaluation" / "predicted.png").stat().st_size > 10_000

    with torch.no_grad():
        broken = open_run(result.run_dir)
        broken.model.net.weight.fill_(torch.nan)
    with pytest.raises(UserError, match="nan or inf"):
        evaluate(broken)


class Own(LightningModule):
    """As a user may write one: it takes what a run gives it, and keeps no hyper-parameters."""

    def __init__(self, num_inputs: int, num_outputs: int, optimizer: Any, scheduler: Any, **more: Any) -> None:
        super().__init__()
        self.net = torch.nn.Linear(num_inputs, num_outputs)
        self.optimizer = optimizer

    def training_step(self, batch: list[torch.Tensor], batch_idx: int) -> torch.Tensor:
        return (self.net(batch[0]) - batch[1]).square().mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        optimizer: torch.optim.Optimizer = self.optimizer(self.parameters())
        return optimizer


def test_the_error_of_a_standardised_target_is_in_its_own_units(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of all rows of the file rmse^2 = (1 - R^2) var(price), with var(price) by NumPy from the file itself."""
    numbers = np.random.default_rng(0)
    x = numbers.normal(size=200)
    price = 3e5 + 5e4 * x + numbers.normal(0, 2e4, 200)
    file = tmp_path / "houses.csv"
    file.write_text("x,price\n" + "".join(f"{a!r},{b!r}\n" for a, b in zip(x.tolist(), price.tolist(), strict=True)))
    words = [
        "model=linear",
        "data=csv",
        f"data.path={file}",
        "data.target=price",
        "data.val_size=0",
        "data.test_size=0",
    ]
    words += ["trainer=cpu", "threads=1", "trainer.max_epochs=3"]
    for normalize in (True, False):
        more = [f"data.normalize={normalize}", *([] if normalize else ["lr=1e-6"])]
        result = train(compose(*words, *more, run_dir=tmp_path / f"run_{normalize}"))
        run = open_run(result.run_dir)
        found = evaluate(run)
        expected = ((1 - found["metrics"]["test/r2"]) * np.var(price)) ** 0.5
        assert found["metrics"]["test/rmse"] == pytest.approx(expected, rel=1e-5)  # the target is float32
        assert found["metrics"]["test/loss"] == result.metrics["test/loss"]  # as trained
        capsys.readouterr()
        show_evaluation(run, found)
        said = " ".join(capsys.readouterr().out.split())
        assert ("rmse is in the units of price; loss is of the standardised price" in said) == normalize


@pytest.mark.filterwarnings("ignore")
def test_a_network_that_cannot_be_evaluated_is_told_before_its_weights_are_read(tmp_path: Path) -> None:
    words = ["model=linear", f"model._target_={__name__}.Own", "data=synthetic_regression", "trainer=cpu", "debug=fast"]
    run = open_run(train(compose(*words, run_dir=tmp_path / "run")).run_dir, weights="last", allow=[__name__])
    with pytest.raises(UserError, match=r"model=Own: only models that derive from initlab\.models\.Module can be"):
        evaluate(run)
    assert not (run.path / "evaluation").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["runn=a"], "runn=a: must be key=value with a key of run, checkpoint, weights, allow; did you mean run?"),
        (["run=latest"], "run=latest: there are no runs in"),
        (["weights=worst"], "weights=worst: must be best or last"),
        (["checkpoint=a.ckpt"], "checkpoint=a.ckpt: there is no such file"),
        (["checkpoint=a.ckpt", "run=a"], "stands alone"),
    ],
)
def test_the_command_answers_a_wrong_word_in_one_line(tmp_path: Path, words: list[str], says: str) -> None:
    said = answered(SCRIPT, *words, cwd=tmp_path)
    assert said.returncode == 2
    assert said.stderr.startswith("error: ")
    assert says in said.stderr
    assert said.stderr.count("\n") == 1


@pytest.mark.parametrize("count", [2, 3, 10, 30])
@pytest.mark.parametrize("name", ["a", "a name of a class that goes on and on", "W" * 60])
def test_nothing_of_the_matrix_is_cut_off_and_a_class_has_its_room(count: int, name: str) -> None:
    title = "SoftmaxRegression on CSVTable, 12,345 test examples: 83.75% right"
    figure = confusion(np.eye(count).tolist(), [f"{i} {name}" for i in range(count)], title)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    (ax,) = figure.axes
    texts = [*ax.get_xticklabels(), *ax.get_yticklabels(), *figure.texts, ax.xaxis.label, ax.yaxis.label]
    for text in texts:
        box = text.get_window_extent(canvas.get_renderer())
        assert box.x0 >= 0, text
        assert box.y0 >= 0, text
        assert box.x1 <= figure.bbox.x1, text
        assert box.y1 <= figure.bbox.y1, text
    assert ax.get_window_extent().width / count > 0.4 * figure.dpi  # inches
