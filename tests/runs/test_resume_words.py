"""What may be typed beside `resume=`, before anything heavy is imported."""

import shlex
from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from initlab.composition import compose
from initlab.errors import UserError
from initlab.runs import RunDir
from initlab.runs.resume import how_to_resume, resumed


@pytest.fixture
def run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that was killed: softmax with Adam, which today's default is not."""
    folder = tmp_path / "outputs" / "runs" / "a"
    cfg = compose("model=softmax", "optimizer=adam", "lr=0.02", "seed=5", run_dir=folder)
    cfg.init.distribution = "uniform"  # as if that had been the default then
    RunDir(folder).create(OmegaConf.to_yaml(cfg, resolve=True))
    monkeypatch.chdir(tmp_path)
    return folder


def test_it_is_the_runs_own_config(run_dir: Path) -> None:
    cfg = compose("resume=latest")
    own = yaml.safe_load((run_dir / "config.yaml").read_text())
    plain = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(plain, dict)
    assert plain["resume"] == str(run_dir)
    assert plain["run_dir"] == str(run_dir)
    for group in ("model", "optimizer", "init", "data", "scheduler", "trainer", "seed", "lr"):
        assert plain[group] == own[group], group
    assert plain["threads"] == RunDir(run_dir).environment["threads"]  # others would round differently


def test_paths_follow_a_folder_that_was_moved(run_dir: Path) -> None:
    moved = run_dir.rename(run_dir.parent / "b")
    cfg = compose("resume=b")
    assert cfg.callbacks.last.dirpath == f"{moved}/checkpoints"
    assert cfg.logger.csv.save_dir == str(moved)


def test_values_that_may_change(run_dir: Path) -> None:
    cfg = compose("resume=a", "trainer.max_epochs=20", "threads=1", "callbacks.monitor.table=true")
    assert (cfg.trainer.max_epochs, cfg.threads, cfg.callbacks.monitor.table) == (20, 1, True)


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("model=mlp", "model=mlp: a run resumes as what it is"),
        ("lr=0.1", "needs a run of its own"),
        ("model.activation=tanh", "model.activation=tanh"),
        ("data.batch_size=3", "data.batch_size=3"),
        ("seed=1", "seed=1"),
        ("trainer.max_epoch=20", "did you mean trainer.max_epochs?"),
        ("~callbacks.monitor", "~callbacks.monitor"),
        ("+trainer.max_steps=3", r"+trainer.max_steps=3"),
        ("hydra.run.dir=y", "hydra.run.dir=y"),
        ("hydra.mode=MULTIRUN", "hydra.mode=MULTIRUN"),
        ("-m", "without -m"),
    ],
)
def test_a_word_that_would_change_the_run_is_refused(run_dir: Path, word: str, says: str) -> None:
    with pytest.raises(UserError) as caught:
        resumed(["resume=latest", word], "train")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_values_are_checked_as_ever(run_dir: Path) -> None:
    with pytest.raises(UserError, match=r"trainer.max_epochs=0: must be"):
        compose("resume=latest", "trainer.max_epochs=0")
    with pytest.raises(UserError, match=r"did you mean callbacks\.monitor\.table\?"):
        compose("resume=latest", "callbacks.monitor.tabel=true")


def test_a_folder_that_is_not_there(run_dir: Path) -> None:
    with pytest.raises(UserError, match=r"resume=outputs/runs/b: there is no such folder"):
        resumed(["resume=outputs/runs/b"], "train")
    with pytest.raises(UserError, match=r"resume=lastest: .* did you mean latest\?"):
        resumed(["resume=lastest"], "train")


def test_a_finished_run_says_so_and_how_to_go_on(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    RunDir(run_dir).finish({"metrics": {}})
    with pytest.raises(SystemExit) as ended:
        resumed(["resume=latest"], "train")
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "finished, with 10 epochs" in said
    assert "resume=outputs/runs/a trainer.max_epochs=20" in said
    assert compose("resume=latest", "trainer.max_epochs=20").trainer.max_epochs == 20


def test_a_schedule_that_ended_is_not_prolonged(run_dir: Path) -> None:
    own = yaml.safe_load((run_dir / "config.yaml").read_text())
    own["scheduler"] = {"_target_": "initlab.nn.schedule.cosine", "_partial_": True}
    (run_dir / "config.yaml").write_text(yaml.safe_dump(own))
    with pytest.raises(UserError, match=r"scheduler=cosine brings lr to 0 at the end of epoch 10"):
        resumed(["resume=latest", "trainer.max_epochs=11"], "train")


def test_without_resume_nothing_changes() -> None:
    words = ["model=mlp", "--cfg", "job", "-m", "resume=null"]
    assert resumed(words, "train") == ("train", words)


def test_the_command_can_be_pasted(run_dir: Path) -> None:
    assert how_to_resume(run_dir) == "python scripts/train.py resume=outputs/runs/a"
    for name in ("it's (mine) = that", "back\\slash", "it\\'s"):
        odd = run_dir.rename(run_dir.parent / name)
        *_, word = shlex.split(how_to_resume(odd))
        assert compose(word).run_dir == str(odd)
        odd.rename(run_dir)


def test_two_processes_never_train_the_same_run(run_dir: Path) -> None:
    first = RunDir(run_dir)
    first.resume("seed: 5\n", {}, 0)
    with pytest.raises(UserError, match="still training"):
        RunDir(run_dir).resume("seed: 5\n", {}, 0)
    first.release()
    RunDir(run_dir).resume("seed: 5\n", {}, 0)
