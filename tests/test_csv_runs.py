"""Whole runs on a CSV file and on a truth table: from the command line to the evaluation."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from children import answered

from initlab.composition import compose
from initlab.config import check_config
from initlab.errors import UserError
from initlab.evaluation import evaluate
from initlab.explaining import explain
from initlab.forecasting.from_config import forecast_run
from initlab.forecasting.terminal import report
from initlab.run import train
from initlab.runs import open_run
from initlab.shipped import CONFIGS

pytestmark = pytest.mark.slow

TRAIN = str(CONFIGS.parent / "scripts" / "train.py")
QUICK = ["trainer=cpu", "threads=1", "trainer.max_epochs=30"]


@pytest.fixture
def houses(tmp_path: Path) -> Path:
    """Price = 3 rooms + 2 if slate + noise of 0.1; some rooms and some roofs are missing. A class of its own: cheap."""
    rng = np.random.default_rng(0)
    rooms, roof = rng.uniform(1, 6, 200), rng.choice(["Slate", "Tile"], 200)
    price = 3 * rooms + 2 * (roof == "Slate") + rng.normal(0, 0.1, 200)
    frame = pd.DataFrame({"Id": range(200), "Rooms": rooms, "Roof": roof, "Price": price})
    frame["Class"] = np.where(price < 9, "cheap", np.where(price < 15, "fair", "dear"))
    frame.loc[::20, "Rooms"] = np.nan
    frame.loc[5::40, "Roof"] = None
    frame.to_csv(tmp_path / "houses.csv", index=False, na_rep="NA")
    return tmp_path / "houses.csv"


def test_regression_from_the_file_to_the_evaluation(houses: Path, tmp_path: Path) -> None:
    words = ["model=linear", "data=csv", f"data.path={houses}", "data.target=Price", "data.drop=[Id,Class]"]
    result = train(compose(*words, "init=zeros", *QUICK, run_dir=tmp_path / "run"))
    X, y = (part.double().numpy() for part in result.data.splits.train)
    A = np.hstack([X, np.ones((len(X), 1))])
    best = np.square(A @ np.linalg.lstsq(A, y)[0] - y).mean() / 2
    # Minibatches of 32 at lr 0.1 leave a little noise above the least squares fit of the training rows.
    assert best < result.metrics["train/loss"] < 1.3 * best + 1e-3
    found = evaluate(open_run(tmp_path / "run"))
    assert found["examples"] == 40
    assert found["metrics"]["test/loss"] == pytest.approx(result.metrics["test/loss"], rel=1e-5)
    assert found["metrics"]["test/r2"] > 0.7

    houses.write_text(houses.read_text().replace("199,", "200,"))
    (tmp_path / "run" / "summary.json").unlink()
    for again in (
        lambda: train(compose(f"resume={tmp_path / 'run'}", "trainer.max_epochs=31")),
        lambda: evaluate(open_run(tmp_path / "run")),
        lambda: explain(tmp_path / "run"),
    ):
        with pytest.raises(UserError, match="this file is not the one that the run began with"):
            again()


@pytest.mark.parametrize("change", ["a value", "a column"])
def test_a_resume_with_a_file_that_has_changed_changes_nothing(houses: Path, tmp_path: Path, change: str) -> None:
    words = ["model=linear", "data=csv", f"data.path={houses}", "data.target=Price", "data.drop=[Id,Class]"]
    folder = train(compose(*words, *QUICK, "trainer.max_epochs=1", run_dir=tmp_path / "run")).run_dir
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    first, *rows = houses.read_text().splitlines()
    changed = [row.replace("199,", "200,") for row in rows] if change == "a value" else [f"{row},1" for row in rows]
    houses.write_text("\n".join([f"{first},More" if change == "a column" else first, *changed]))
    with pytest.raises(UserError, match="this file is not the one that the run began with"):
        train(compose(f"resume={folder}", "trainer.max_epochs=40"))
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_classification_by_the_command(houses: Path, tmp_path: Path) -> None:
    words = [
        "model=mlp",
        "model.width=16",
        "data=csv",
        f"data.path={houses}",
        "data.target=Class",
        "data.drop=[Id,Price]",
    ]
    said = answered(TRAIN, *words, *QUICK, "hydra.run.dir=run", cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    assert said.stderr == ""
    line = "houses.csv: rows 120 train, 40 val, 40 test; target Class, 3 classes; 4 inputs from Rooms ("
    assert line in said.stdout
    assert line in (tmp_path / "run" / "run.log").read_text()
    run = open_run(tmp_path / "run")
    metrics = json.loads((tmp_path / "run" / "summary.json").read_text())["metrics"]
    assert metrics["test/acc"] > 0.8
    found = evaluate(run)
    assert [row["class"] for row in found["classes"]] == ["cheap", "dear", "fair"]
    assert json.loads((tmp_path / "run" / "forecast.json").read_text())["widths"] == [4, 16, 3]


def test_a_neuron_by_its_page(tmp_path: Path) -> None:
    """In 64 bits, as the page is read; the ten thousand steps are gone through in tests/models/test_neuron.py."""
    words = ["experiment=neuron", "data.steps_per_epoch=25", "trainer.max_epochs=2", "threads=1", "trainer=cpu"]
    result = train(compose(*words, "trainer.precision=64-true", run_dir=tmp_path / "run"))
    inputs = np.array([[0, 0, 1], [1, 1, 1], [1, 0, 1], [0, 1, 1]], float)
    w = np.float32([-0.16595599, 0.44064899, -0.99977125]).astype(float)  # drawn in 32 bits, then widened
    for _ in range(50):
        output = np.tanh(inputs @ w)
        w = w + inputs.T @ (([0, 1, 1, 0] - output) * (1 - np.tanh(output) ** 2))
    assert [result.metrics[f"weight/w{i}"] for i in range(3)] == pytest.approx(w.tolist(), rel=1e-12)
    assert result.metrics["answer"] == pytest.approx(np.tanh(w[0]), rel=1e-12)
    logged = open_run(tmp_path / "run").metrics.iloc[-1]
    assert logged["answer"] == result.metrics["answer"]


@pytest.mark.parametrize(
    ("words", "widths"),
    [
        (["model=linear", "data.target=Price"], (8, 1)),
        (["model=mlp_regression", "model.depth=2", "model.width=9", "data.target=Price"], (8, 9, 9, 1)),
        (["model=softmax", "data.target=Class"], (5, 3)),
    ],
)  # fmt: skip
def test_the_forecast_reads_the_file(houses: Path, words: list[str], widths: tuple[int, ...]) -> None:
    found = forecast_run(compose("data=csv", f"data.path={houses}", "data.drop=[Id]", *words, run_dir="x"))
    assert found.widths == widths
    assert found.inputs.source == f"120 training rows, {widths[0]} numbers each"
    assert 0.2 < found.inputs.mean_square < 1  # normalised columns have 1, indicators their share


def test_the_forecast_of_truth_tables(capsys: pytest.CaptureFixture[str]) -> None:
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir

    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        cfg = hydra_compose("forecast", overrides=["experiment=xor", "run_dir=x"])
    check_config(cfg, name="forecast")
    report(cfg)
    assert "2, 10, 10, 1, sigmoid" in capsys.readouterr().out
    for words, says in (
        (["experiment=neuron"], "the forecast knows chains of dense layers, model=mlp or mlp_regression"),
        (["experiment=xor", "data.inputs=[[0,0],[0,0],[0,0],[0,0]]"], "two training rows that are not all 0"),
    ):
        with pytest.raises(UserError, match=says):
            forecast_run(compose(*words, run_dir="x"))


def test_names_are_checked_without_anything_heavy(houses: Path) -> None:
    script = (
        "import sys; from initlab import compose; "
        f"compose('data=csv', 'model=linear', 'data.path={houses}', 'data.target=Price', run_dir='x'); "
        "print(sys.modules.keys() & {'torch', 'pandas', 'numpy'})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("data.target=Price ($)", r'''a text is typed "data.target='Price (\$)'"'''),
        ("data.drop=[Id, Price ($)]", r'''a list of texts is typed "data.drop=[Id,'Price (\$)']"'''),
        ("data.target=a,b", r'''a text is typed "data.target='a,b'"'''),
        ("data.decimal=,", r'''a text is typed "data.decimal=','"'''),
    ],
)
def test_a_word_that_hydra_cannot_read_is_shown_as_it_is_typed(typed: str, says: str) -> None:
    with pytest.raises(UserError) as error:
        compose("data=csv", "model=linear", typed, run_dir="x")
    assert str(error.value).endswith(says)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["model=linear"], "data.path=null: must be the path of a CSV file on this machine"),
        (["model=mlp", "data.path=https://example.org/a.csv"], "data.path=https://example.org/a.csv: must be"),
        (["model=mlp", "data.path=nowhere.csv", "data.target=y"], "data.path=nowhere.csv: there is no such file"),
        (["model=mlp", "data.path=HOUSES", "data.target=Prize"], "did you mean data.target=Price? (Id, Rooms,"),
        (["model=mlp", "data.path=HOUSES", "data.target=null"], "data.target=null: must be the name of the column"),
        (["model=mlp", "data.path=HOUSES", "data.target=Price", "data.val_size=1.5"], "data.val_size=1.5: must be a"),
        (["model=mlp", "data.path=HOUSES", "data.target=Price", "data.na_values=NA"], "data.na_values=NA: must be a"),
    ],
)
def test_wrong_words_are_answered_with_the_config(houses: Path, words: list[str], says: str) -> None:
    """Before torch is imported: by the check of the config."""
    with pytest.raises(UserError) as error:
        compose("data=csv", *(word.replace("HOUSES", str(houses)) for word in words), run_dir="x")
    assert says in str(error.value)


def test_where_no_learning_rate_was_judged_the_forecast_is_not_called_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A regression that diverges: of these the forecast has no record of rates."""
    (tmp_path / "rows.csv").write_text("x,y\n" + "".join(f"{i},{i * i}\n" for i in range(64)))
    words = ["data=csv", f"data.path={tmp_path}/rows.csv", "data.target=y", "model=mlp_regression", "lr=1"]
    train(compose(*words, "init=torch_default", *QUICK[:2], "trainer.max_epochs=3", run_dir=tmp_path / "run"))
    said = " ".join(capsys.readouterr().out.split())
    assert "fix none computed: here the forecast judges no learning rate; try a tenth" in said
    assert "that is wrong" not in said


def test_by_less_updates_than_it_is_of_no_forecast_is_called_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Classes that the inputs say nothing of."""
    (tmp_path / "rows.csv").write_text("x,y\n" + "".join(f"{i % 3},{'ab'[i % 2]}\n" for i in range(60)))
    words = ["data=csv", f"data.path={tmp_path}/rows.csv", "data.target=y", "model=mlp", *QUICK[:2]]
    for epochs, says in ((15, "that is in 200 updates, and this run made 30"), (100, "here that is wrong")):
        train(compose(*words, f"trainer.max_epochs={epochs}", run_dir=tmp_path / str(epochs)))
        said = " ".join(capsys.readouterr().out.split())
        assert "IT DID NOT TRAIN." in said
        assert says in said
