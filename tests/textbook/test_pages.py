"""Every page of configs/experiment is run, cut to one seed and some to fewer steps, and shows what it claims."""

import dataclasses
import functools
import json
import re
import runpy
from collections.abc import Hashable, Iterator
from pathlib import Path

import children
import pytest
import torch

from initlab.composition import compose
from initlab.data import FashionMNIST, SyntheticRegression
from initlab.data.module import Splits
from initlab.errors import UserError
from initlab.run import train
from initlab.shipped import CONFIGS
from initlab.sweeps.record import SEEDS
from initlab.textbook import gallery, theory_lines
from initlab.textbook.checking import check_page
from initlab.textbook.drawing import draw_page
from initlab.textbook.gallery import DOCS, PAGES, render
from initlab.textbook.page import Page, page_names, same
from initlab.textbook.page import read_page as read
from initlab.textbook.running import run_page

SLOW = {  # over three seconds on a quiet core
    "d2l_lr_study", "d2l_mlp", "d2l_softmax", "d2l_variance_1000_mlp",
    "d2l_zero_init", "fastai_init", "fastai_std", "fifty_layers", "glorot_2010_sigmoid", "glorot_2010_tanh", "he_2015",
    "lsuv", "makemore_tanh", "neuron", "batch_norm_and_init", "phase_diagram", "phase_plane", "plain_cnn_depth",
    "pre_and_post_ln", "residual_scaling", "width_transfer",
}  # fmt: skip
FEW_IMAGES = ["trainer.limit_val_batches=8", "trainer.limit_test_batches=1"]
AT_ONCE = ["callbacks.monitor.dense_steps=1"]  # then every tenth step: no claim is about those between
SMALL = ["data.resize=[8,8]", "trainer.limit_val_batches=2"]  # of networks of convolutions and attention
STEP_9344 = [5.3603940009682125, 0.19482933151216403, 0.3431761352071029]  # where float32 holds the weights best
SHORTER = {  # than the page: its claims are about the first steps, or hold as early
    "d2l_lr_study": ["trainer.check_val_every_n_epoch=10"],
    "d2l_variance_1000_mlp": ["trainer.limit_train_batches=60", *FEW_IMAGES, *AT_ONCE],
    "d2l_zero_init": ["trainer.limit_train_batches=80", "trainer.limit_test_batches=1", *AT_ONCE],
    "fastai_init": ["trainer.limit_train_batches=170", *FEW_IMAGES, *AT_ONCE],
    "fastai_std": ["trainer.limit_train_batches=60", *FEW_IMAGES],
    "glorot_2010_tanh": ["trainer.limit_train_batches=301", "data.batch_size=10", *FEW_IMAGES, *AT_ONCE],
    "glorot_2010_sigmoid": ["trainer.limit_train_batches=301", *FEW_IMAGES, *AT_ONCE],
    "he_2015": ["trainer.limit_train_batches=50", *FEW_IMAGES, *AT_ONCE],
    "lsuv": ["trainer.limit_train_batches=21", *FEW_IMAGES, *AT_ONCE],
    "makemore_tanh": ["trainer.limit_train_batches=60", *FEW_IMAGES, *AT_ONCE],
    "neuron": [  # the last of its 10,000 steps; tests/models/test_neuron.py has the program's to there
        f"init.weights=[[{STEP_9344}]]", "trainer.max_epochs=1", "data.steps_per_epoch=656",
        "callbacks.monitor.dense_steps=20",
    ],
    "phase_diagram": ["trainer.limit_train_batches=80", *FEW_IMAGES],
    "phase_plane": ["trainer.limit_train_batches=80", *FEW_IMAGES],
    "plain_cnn_depth": ["trainer.limit_train_batches=100", *SMALL, *AT_ONCE],
    "pre_and_post_ln": ["trainer.limit_train_batches=80", *SMALL, *AT_ONCE],
    "residual_scaling": ["trainer.limit_train_batches=100", *SMALL, *AT_ONCE],
    "batch_norm_and_init": ["trainer.limit_train_batches=100", *SMALL],
    "width_transfer": ["trainer.limit_train_batches=80", *FEW_IMAGES],
    "xor": ["callbacks.monitor.dense_steps=1"],
}  # fmt: skip
FEWER = {  # settings of what is a map, a large network or a long run: the values that the test takes
    "batch_norm_and_init": {"init.sigma": ("0.01",)},
    "d2l_lr_study": {"lr": ("0.001", "0.03")},
    "fifty_layers": {"init.sigma": ("1.0", "0.141421")},
    "neuron": {"model.derivative": ("published",)},  # tests/models/test_neuron.py has both
    "phase_diagram": {"model.activation": ("tanh",), "init.sigma_w": ("0.6", "1.2"), "model.depth": ("25",)},
    "phase_plane": {"model.activation": ("tanh",), "init.sigma_w": ("0.6", "1.4"), "init.sigma_b": ("0.2",)},
    "plain_cnn_depth": {"model.depth": ("8",)},
    "pre_and_post_ln": {"model.norm_first": ("false",), "init.gain": ("2.8",)},
    "width_transfer": {"init": ("mup",), "model.width": ("64",), "lr": ("0.0003", "0.003", "0.01")},
}
read_page = functools.cache(read)
ANOTHERS = {"d2l_mlp_torch", "d2l_softmax_torch"}  # ten epochs again, by torch's layers: of the model tests
ALL = [
    pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name
    for name in page_names()
    if name not in ANOTHERS
]


@pytest.mark.parametrize("name", page_names())
def test_a_page_asks_is_typed_and_says_what_it_must_show(name: str) -> None:
    page = read_page(name)
    assert re.search(r"\?.*\(.+\)$", page.header.question), "a question, and where it is from in brackets"
    assert page.header.commands
    assert all(f"experiment={name}" in command for command in page.header.commands)  # tests/test_readme.py types them
    assert any(" -m " in command for command in page.header.commands) == bool(page.axes)
    assert page.header.prose
    assert page.claims
    assert page.picture
    assert not page.picture.caption.lower().startswith("how to read it")  # the gallery begins with that


def with_fewer(page: Page) -> Page:
    """The page with `FEWER` settings, and the claims that are about these."""
    few = dataclasses.replace(page, axes={key: FEWER.get(page.name, {}).get(key, v) for key, v in page.axes.items()})
    claims = [c for c in page.claims if any(same(c.where, setting) for setting in few.settings)]
    assert claims
    return dataclasses.replace(few, claims=tuple(claims))


@pytest.fixture(scope="module")
def images_made_once() -> Iterator[None]:
    """Every run would read, resize and split the same images again."""
    made: dict[Hashable, Splits] = {}
    make = FashionMNIST.make_splits

    def kept(data: FashionMNIST) -> Splits:
        rows = data.same_rows()
        if rows not in made:
            made[rows] = make(data)
        return made[rows]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FashionMNIST, "make_splits", kept)
        yield


@pytest.mark.usefixtures("images_made_once")
@pytest.mark.parametrize("name", ALL)
def test_a_page_shows_what_it_claims(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(theory_lines, "POINTS", 7)  # of the theory's lines, which are drawn and not looked at
    monkeypatch.setattr(theory_lines, "PLANE", 4)
    page = with_fewer(read_page(name))
    ran = run_page(page.with_seeds(1), tmp_path / "runs", more=SHORTER.get(name, []))
    draw_page(page, ran, tmp_path / "page.png")
    assert [verdict.sentence for verdict in check_page(page, ran) if not verdict.holds] == []


def test_a_page_with_the_wrong_step_size_is_caught(tmp_path: Path) -> None:
    page = read_page("d2l_linear")
    ran = run_page(page.with_seeds(1), tmp_path, more=["lr=0.02"])  # leaves 0.98^96 = .14 of the error instead of .05
    assert not any(verdict.holds for verdict in check_page(page, ran))


def test_a_page_with_the_wrong_initialisation_is_caught(tmp_path: Path) -> None:
    whole = read_page("fifty_layers")
    page = dataclasses.replace(whole, axes={"init.sigma": ("0.01",), "model.activation": ("relu",)})
    page = dataclasses.replace(page, claims=tuple(c for c in whole.claims if c.where == {"init.sigma": "0.01"}))
    right, wrong = (run_page(page, tmp_path / str(i), more=more) for i, more in enumerate([[], ["model.depth=1"]]))
    assert [verdict.holds for verdict in check_page(page, right)] == [True, True]
    assert [verdict.holds for verdict in check_page(page, wrong)] == [False, False]


def test_a_page_that_cannot_run_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused before the first run, and in the middle of one."""
    page = read_page("d2l_linear").with_seeds(1)
    (ran,) = run_page(page, tmp_path / "refused", more=["lr=-1"])
    assert ran.error == "lr=-1: must be a number of at least 0"
    finish = runpy.run_path(str(CONFIGS.parent / "scripts" / "pages.py"))["finish"]
    failing = finish(page, [ran], 1.0, False)

    def no_rows(data: SyntheticRegression) -> Splits:
        raise UserError("no rows today")

    monkeypatch.setattr(SyntheticRegression, "make_splits", no_rows)
    (broken,) = run_page(page, tmp_path / "broken")
    assert broken.error == json.loads((broken.folder / "failed.json").read_text())["error"] == "no rows today"
    assert len(failing) == len(read_page("d2l_linear").claims)
    assert failing[0].startswith("d2l_linear: error/w0: a run failed: lr=-1")


def test_what_a_page_expects_and_what_is_left_out_change_no_bit(tmp_path: Path) -> None:
    words = ["experiment=d2l_linear", "trainer=cpu", "threads=1", "logger.tensorboard=null"]
    plain = train(compose(*words, "~expect", "~picture", run_dir=tmp_path / "plain"))
    page = train(compose(*words, run_dir=tmp_path / "page"))
    for name, weight in plain.model.state_dict().items():
        assert torch.equal(weight, page.model.state_dict()[name])
    (ran,) = run_page(read_page("d2l_linear").with_seeds(1), tmp_path / "ran")
    tables = [(folder / "metrics.csv").read_text() for folder in (plain.run_dir, page.run_dir, ran.folder)]
    assert tables[0] == tables[1] == tables[2]


def test_the_real_command_runs_one_job_or_sweeps_and_its_words_win(tmp_path: Path) -> None:
    """`-m` sweeps what the page says; a key on the command line replaces the page's; without -m it is one run."""
    words = ["experiment=d2l_lr_study", "trainer.max_epochs=1", "trainer.limit_train_batches=9"]
    words += ["callbacks=none", "logger=none"]
    one = children.start([*words, "hydra.run.dir=one"], tmp_path)
    many = children.start(["-m", *words, "seed=3,5", "hydra.sweep.dir=many"], tmp_path)
    assert (children.ended(one), children.ended(many)) == (0, 0), (tmp_path / "said").read_text()
    assert (tmp_path / "one" / "summary.json").exists()
    sweep = json.loads((tmp_path / "many" / "sweep.json").read_text())
    assert sweep["axes"] == {"lr": ["0.001", "0.01", "0.03", "0.1"], "seed": ["3", "5"]}
    assert len(list((tmp_path / "many").glob("*/summary.json"))) == len(sweep["jobs"]) == 8


@pytest.mark.parametrize("name", page_names())
def test_the_record_of_a_page_is_of_the_page_as_it_stands(name: str) -> None:
    """`python scripts/pages.py <page>` makes it anew."""
    page = read_page(name)
    record = json.loads((PAGES / f"{name}.json").read_text())
    kept = [(c["about"], c["setting"], c["published"], c["why"]) for c in record["claims"]]
    asked = [
        (claim.subject, setting, claim.published, claim.why)
        for claim in page.claims
        for setting in ([claim.where] if claim.forecast else page.settings)
        if same(claim.where, setting)
    ]
    assert kept == asked
    assert all(c["holds"] for c in record["claims"])
    assert record["runs"] == len(page.jobs)
    assert (PAGES / f"{name}.png").stat().st_size > 5000


def test_the_gallery_is_what_its_records_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery, "read_page", read_page)
    assert (DOCS / "gallery.md").read_text() == render()
    assert set(SEEDS) >= {"seed"}  # what makes n
