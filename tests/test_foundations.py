"""The foundations' pages: each is worked out with small sizes, held against oracles of NumPy and Python's own, and
broken once to see that it says so. No time is asserted."""

import dataclasses
import json
import math
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from initlab import init
from initlab.shipped import CONFIGS

ROOT = CONFIGS.parent
SCRIPTS = ROOT / "scripts"
EPS32, EPS64 = np.finfo(np.float32).eps, np.finfo(np.float64).eps


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All pages, fast; what they wrote."""
    import foundations
    from foundation_pages import PAGES

    root = tmp_path_factory.mktemp("foundations")
    assert foundations.run(list(PAGES), True, 1, False, root) == {}
    return root / "outputs" / "foundations"


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_every_page_writes_all_that_it_found(folder: Path) -> None:
    from foundation_pages import PAGES

    written = {file.stem: json.loads(file.read_text()) for file in folder.glob("*.json")}
    assert set(written) == set(PAGES)
    for name, record in written.items():
        assert (record["page"], record["fast"]) == (name, True)
        assert record["title"]
        assert record["figures"]
        assert len(record["checks"]) == len(set(record["checks"])) >= 3
        assert record["machine"]["threads"] == 1
        assert record["machine"]["torch"] == torch.__version__
        for table in record["tables"]:
            assert {len(row) for row in table["rows"]} == {len(table["columns"])}
        assert (folder / f"{name}.png").exists() == record["picture"] == (name != "tensors")


def test_every_picture_opens_and_has_something_in_it(folder: Path) -> None:
    for file in folder.glob("*.png"):
        with Image.open(file) as picture:
            picture.load()
            pixels = np.asarray(picture.convert("RGB"))
        assert min(pixels.shape[:2]) > 300
        assert 0.005 < (pixels != 255).any(-1).mean() < 0.7  # ink, and paper


def test_what_is_published_stands_beside_what_was_measured(folder: Path) -> None:
    cells = {
        name: " ".join(
            cell for table in json.loads((folder / f"{name}.json").read_text())["tables"]
            for row in table["rows"] for cell in row
        )
        for name in ("matmul", "relu", "loops", "broadcasting")
    }  # fmt: skip
    assert all(word in cells["matmul"] for word in ("1.15 s", "1.70 ms", "357 µs", "68.7 µs", "14.0 µs"))
    assert all(word in cells["relu"] for word in ("573 ms", "340 ms", "670 ms"))
    assert all(word in cells["loops"] for word in ("220 ms", "310 µs", "125 ms", "290 µs"))
    assert all(word in cells["broadcasting"] for word in ("1.145 MB", "24.034 MB", "[0, 10, 1]"))


@pytest.mark.parametrize("shapes", [((1, 1), (1, 1)), ((3, 1), (1, 4)), ((2, 7), (7, 3)), ((5, 40), (40, 10))])
def test_five_products_are_numpys(shapes: tuple[tuple[int, int], tuple[int, int]]) -> None:
    from foundation_pages.matmul import WAYS

    a, b = drawn(*shapes[0]), drawn(*shapes[1], seed=1)
    exact = a.double().numpy() @ b.double().numpy()
    # n products and n - 1 sums of numbers below 5, each rounded
    atol = float(shapes[0][1] * EPS32 * (a.abs().numpy() @ b.abs().numpy()).max())
    assert len(WAYS) == 5
    for way in WAYS.values():
        np.testing.assert_allclose(way(a, b).numpy(), exact, rtol=0, atol=atol)


@pytest.mark.parametrize("shapes", [((2, 3), (4, 5)), ((2, 3), (2, 3)), ((2, 1), (3, 4)), ((2, 3), (1, 4))])
def test_five_products_refuse_what_does_not_fit(shapes: tuple[tuple[int, int], tuple[int, int]]) -> None:
    from foundation_pages.matmul import WAYS

    for way in WAYS.values():
        with pytest.raises((ValueError, RuntimeError)):
            way(torch.ones(shapes[0]), torch.ones(shapes[1]))


def test_a_dense_layer_in_lists_is_numpys() -> None:
    from foundation_pages.matmul import dense, dense_in_lists

    X, W, b = drawn(4, 6).double(), drawn(3, 6, seed=1).double(), drawn(3, seed=2).double()
    exact = X.numpy() @ W.numpy().T + b.numpy()
    np.testing.assert_allclose(dense(X, W, b).numpy(), exact, rtol=0, atol=50 * EPS64)
    np.testing.assert_allclose(dense_in_lists(X.tolist(), W.tolist(), b.tolist()), exact, rtol=0, atol=50 * EPS64)


def test_three_relus_are_numpys() -> None:
    from foundation_pages.relu import IN_NUMPY, WAYS

    x = drawn(50, 40).double()
    exact = np.where(x.numpy() > 0, x.numpy(), 0)
    for ways, given in ((WAYS, x), (IN_NUMPY, x.numpy())):
        assert list(ways) == ["maximum", "times mask", "(|x| + x) / 2"]
        for relu in ways.values():  # type: ignore[attr-defined]
            np.testing.assert_array_equal(np.asarray(relu(given)), exact)


def test_the_doubling_function_has_a_closed_form() -> None:
    from foundation_pages.control_flow import f, slope

    for a in (1000 / 2**7, 999.0, 1000.0, 12345.0, 1e-6, *drawn(100).double().tolist()):
        for signed in (a, -a):
            doublings = max(1, math.ceil(math.log2(1000 / abs(a))))
            power = 2.0**doublings * (1 if signed > 0 else 100)
            at = torch.tensor(signed, dtype=torch.float64)
            assert slope(at).item() == power
            assert f(at).item() == pytest.approx(power * signed, rel=2 * EPS64)
    with pytest.raises(ValueError, match="would not end"):
        f(torch.zeros(2, 2))


def test_the_backward_pass_by_hand_is_numpys_slope() -> None:
    from foundation_pages.backward import draw

    net, x, y = draw("tanh", num_inputs=3, num_hiddens=2, num_outputs=4)

    def objective(W1: np.ndarray, W2: np.ndarray) -> float:
        o = W2 @ np.tanh(W1 @ x.numpy())
        loss = np.log(np.exp(o).sum()) - o[y]
        return float(loss + net.penalty / 2 * ((W1**2).sum() + (W2**2).sum()))

    seen = net.forward(x, y)
    assert seen["J"].item() == pytest.approx(objective(net.W1.numpy(), net.W2.numpy()), rel=10 * EPS64)
    hand = net.backward(x, y, seen)
    for name in ("W1", "W2"):
        weights = {"W1": net.W1.numpy(), "W2": net.W2.numpy()}
        for i in np.ndindex(weights[name].shape):
            ends = []
            for step in (1e-5, -1e-5):
                moved = weights[name].copy()
                moved[i] += step
                ends.append(objective(**(weights | {name: moved})))
            # central differences: step^2 times a third derivative near 1, and rounding of J over the step
            assert hand[name][i].item() == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-9)


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (0.0, 2.0), (3.0, 1.0)])
def test_the_normal_density_is_pythons_own(mean: float, std: float) -> None:
    from foundation_pages.normal import normal, normal_below

    x, own = np.linspace(-7, 7, 57), statistics.NormalDist(mean, std)
    at = torch.from_numpy(x)
    # the exponent, up to 50, is rounded, and so is its exponential
    np.testing.assert_allclose(normal(at, mean, std), [own.pdf(a) for a in x], rtol=100 * EPS64)
    np.testing.assert_allclose(normal_below(at - mean, std), [own.cdf(a) for a in x], rtol=0, atol=4 * EPS64)


def test_densities_are_the_slopes_of_their_distributions() -> None:
    from foundation_pages.normal import promised, schemes

    for scheme, shape in schemes().values():
        std = scheme.weight_std(80, 64, 2**0.5)
        x = torch.linspace(-9 * std, 9 * std, 20_001, dtype=torch.float64)
        density, below = promised(scheme, shape, std, x)
        assert (below[0].item(), below[-1].item()) == pytest.approx((0, 1), abs=1e-12)
        # the trapezoid rule: steps of std / 1000; a jump of the density costs half a step times its height, 3e-4 or so
        assert np.trapezoid(density, x) == pytest.approx(1, abs=1e-3)
        assert math.sqrt(np.trapezoid(density * x**2, x)) == pytest.approx(std, rel=1e-3)
        np.testing.assert_allclose(np.diff(below), ((density[1:] + density[:-1]) / 2 * x.diff()), atol=1e-3)


def test_the_largest_gap_is_that_of_the_empirical_distribution() -> None:
    from foundation_pages.normal import largest_gap

    values = np.sort(np.random.default_rng(0).random(37))
    fine = np.unique(np.concatenate([values, values - 1e-12]))  # at each jump, and just before it
    gap = max(abs((values <= u).mean() - u) for u in fine)
    assert largest_gap(torch.from_numpy(values)) == pytest.approx(math.sqrt(37) * gap, rel=1e-9)


def test_the_allocator_is_counted_to_the_byte() -> None:
    from foundation_pages.memory import allocations

    with allocations() as found:
        a = torch.empty(1000)
        b = torch.empty(500, dtype=torch.float64)
        view = a.reshape(10, 100).T[3:]
        del a, view
        c = torch.empty(25, dtype=torch.uint8)
    assert (found.asked, found.peak, found.alive) == (8025, 8000, 4025)
    assert b.nbytes + c.nbytes == found.alive
    with allocations() as nothing:
        b.expand(7, 500)
    assert (nothing.asked, nothing.peak, nothing.alive) == (0, 0, 0)


def test_what_an_mlp_keeps_by_an_independent_count() -> None:
    from foundation_pages.saved import layer_by_layer, net

    X, y = drawn(12, 6), torch.arange(12) % 3
    rows = layer_by_layer(net([6, 5, 4, 3], "tanh"), X, y)
    float32, int64 = 4, 8
    # bytes with repetitions: dense layers their input, from the second on their weight; tanh its output; the loss
    # shifted logits, their exp, its sum, the labels
    assert [row["bytes"] for row in rows] == [
        12 * 6 * float32, 12 * 5 * float32, (12 * 5 + 5 * 4) * float32, 12 * 4 * float32,
        (12 * 4 + 4 * 3) * float32, (2 * 12 * 3 + 12) * float32 + 12 * int64,
    ]  # fmt: skip
    assert [row["new"] for row in rows] == [0, 240, 0, 192, 0, (2 * 36 + 12) * 4]


def off(function: Callable[..., Any], by: float = 1.001) -> Callable[..., Any]:
    return lambda *given: function(*given) * by


def break_matmul(patch: pytest.MonkeyPatch) -> str:
    from foundation_pages import matmul

    patch.setitem(matmul.WAYS, "one loop", off(matmul.one_loop))
    return "one loop: the product in float64, to rounding: off by"


def break_refusal(patch: pytest.MonkeyPatch) -> str:
    from foundation_pages import matmul

    patch.setitem(matmul.WAYS, "einsum", lambda a, b: torch.einsum("ik,kj->ij", a, b))
    return "einsum: refuses [2, 1] @ [3, 4]: it gave an answer"


def break_shape(patch: pytest.MonkeyPatch) -> str:
    from foundation_pages import matmul

    patch.setitem(matmul.WAYS, "@", lambda a, b: (a @ b).T)
    return "@: the product in float64, to rounding: has shape [10, 5], not [5, 10]"


def break_nan(patch: pytest.MonkeyPatch) -> str:
    from foundation_pages import relu

    patch.setitem(relu.WAYS, "times mask", off(relu.by_mask, math.nan))
    return "times mask: that of initlab.nn: off by nan"


def break_numpy(patch: pytest.MonkeyPatch) -> str:
    from foundation_pages import relu

    patch.setitem(relu.IN_NUMPY, "maximum", np.abs)
    return "maximum in NumPy: the same: off by"


def break_loops(patch: pytest.MonkeyPatch) -> str:
    from foundation_pages import loops

    patch.setattr(loops, "loop_over_lists", lambda a, b: [*a[:-1], 0.0])
    return "the loop over lists"


def break_broadcasting(patch: pytest.MonkeyPatch) -> str:
    from foundation_pages import broadcasting

    patch.setattr(broadcasting, "by_rows", lambda vector, matrix: (matrix.T + vector).T)
    return "the same, row by row: off by"


def break_saved(patch: pytest.MonkeyPatch) -> str:
    from foundation_pages import saved

    entropy = saved.cross_entropy
    patch.setattr(saved, "cross_entropy", lambda logits, y: entropy(logits.exp().log(), y))
    return "cross entropy: keeps"


def break_backward(patch: pytest.MonkeyPatch) -> str:
    from foundation_pages.backward import Network

    right = Network.backward

    def forgets(self: Network, x: Any, y: int, seen: Any) -> Any:
        return right(dataclasses.replace(self, penalty=0.0), x, y, seen)

    patch.setattr(Network, "backward", forgets)
    return "relu: dJ/dW2 by hand, against autograd: off by"


def break_control_flow(patch: pytest.MonkeyPatch) -> str:
    from foundation_pages import control_flow

    patch.setattr(control_flow, "slope", off(control_flow.slope, 2))
    return "df/da = f(a) / a"


def break_activations(patch: pytest.MonkeyPatch) -> str:
    from foundation_pages import activations

    silu = activations.ACTIVATIONS["silu"]
    patch.setitem(activations.ACTIVATIONS, "silu", dataclasses.replace(silu, derivative=torch.sigmoid))
    return "silu: the derivative that is written down, against autograd: off by"


def break_normal(patch: pytest.MonkeyPatch) -> str:
    from foundation_pages import normal

    patch.setattr(normal, "normal", lambda x, mean, std: torch.exp(-((x - mean) ** 2)) / math.sqrt(math.pi))
    return "the density of mean 0, std 1, against torch.distributions: off by"


def break_scheme(patch: pytest.MonkeyPatch) -> str:
    def too_wide(self: Any, weight: torch.Tensor, gain: float, generator: torch.Generator | None) -> None:
        weight.uniform_(-1, 1, generator=generator).mul_(math.sqrt(3) * self.weight_std(80, 64, gain))

    patch.setattr(init.Kaiming, "weight_", too_wide)  # the right std, the wrong distribution
    return "init=kaiming: the drawn weights follow their distribution: does not hold"


def break_tensors(patch: pytest.MonkeyPatch) -> str:
    from foundation_pages import tensors

    patch.setattr(tensors, "FACTS", tensors.FACTS.replace("(3, 24)", "(0, 24)"))
    return "t[1].storage_offset(), t[1].untyped_storage().nbytes(): gave (3, 24), not (0, 24)"


BREAKS = {
    "matmul": (break_matmul, break_refusal, break_shape), "relu": (break_nan, break_numpy), "loops": (break_loops,),
    "broadcasting": (break_broadcasting,), "saved": (break_saved,), "backward": (break_backward,),
    "control_flow": (break_control_flow,), "activations": (break_activations,),
    "normal": (break_normal, break_scheme), "tensors": (break_tensors,),
}  # fmt: skip


@pytest.mark.parametrize(("page", "broken"), [(page, broken) for page, all_of in BREAKS.items() for broken in all_of])
def test_a_broken_rung_is_seen(
    page: str, broken: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from foundation_pages import PAGES, clock
    from foundation_pages.sheet import WrongRungError
    from foundation_pages.work import work_out

    assert set(BREAKS) == set(PAGES)
    monkeypatch.setattr(clock, "_turn", lambda work, device, least: lambda: 1.0)  # nothing is timed
    words = broken(monkeypatch)
    with pytest.raises(WrongRungError) as wrong:
        work_out(page, tmp_path, fast=True, on={})
    assert str(wrong.value).startswith(words)
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_fails_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import foundations

    break_tensors(monkeypatch)
    monkeypatch.setattr(foundations, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["foundations.py", "backward", "tensors", "--fast"])
    with pytest.raises(SystemExit) as end:
        foundations.main()
    assert end.value.code == 1
    assert capsys.readouterr().err.startswith("tensors: t[1].storage_offset()")
    assert [file.name for file in (tmp_path / "outputs" / "foundations").glob("*.json")] == ["backward.json"]


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["matmull"], "error: matmull: no such page; did you mean matmul? (tensors, loops,"),
        (["relu", "--threads", "0"], "error: --threads 0: must be a whole number of at least 1"),
        (["--docs", "--fast"], "error: --fast: the documents show the full sizes"),
    ],
)
def test_a_wrong_word_gets_one_sentence(
    words: list[str], answer: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import foundations

    monkeypatch.setattr(sys, "argv", ["foundations.py", *words])
    with pytest.raises(SystemExit) as end:
        foundations.main()
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(answer)
    assert error.count("\n") == 1


def test_a_folder_that_cannot_be_written_gets_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import foundations

    (tmp_path / "outputs").write_text("a file where the folder should be")
    monkeypatch.setattr(foundations, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["foundations.py", "tensors"])
    with pytest.raises(SystemExit) as end:
        foundations.main()
    assert end.value.code == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: {tmp_path}/outputs/foundations: Not a directory; ")
    assert error.count("\n") == 1


def test_nothing_heavy_is_imported_before_the_words_are_read() -> None:
    code = "import sys, foundations; print([m for m in ('torch', 'matplotlib', 'numpy') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], cwd=SCRIPTS, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_gpu_is_waited_for_before_the_clock_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    from foundation_pages import clock

    order: list[str] = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: order.append(f"wait for {device}"))
    monkeypatch.setattr(clock.time, "perf_counter", lambda: float(order.append("clock") or len(order)))
    took = clock.seconds(lambda: order.append("work"), torch.device("cuda"), calls=2)
    assert order == ["wait for cuda", "clock", "work", "work", "wait for cuda", "clock"]
    assert took == (6 - 2) / 2


def test_a_gpu_gets_a_column_and_dots_of_its_own(folder: Path) -> None:
    from foundation_pages import loops, matmul, relu
    from foundation_pages.sheet import Sheet

    figures = {page.__name__: json.loads((folder / f"{page.__name__.split('.')[1]}.json").read_text())["figures"]
               for page in (loops, matmul, relu)}  # fmt: skip
    for page, there, name in ((loops, "cpu", "cuda"), (matmul, "cpu", "cuda"), (relu, "torch", "torch, GPU")):
        found = figures[page.__name__]
        seconds = found["seconds"]
        seconds[name] = {rung: [s / 2 for s in of] for rung, of in seconds[there].items() if "first" not in rung}
        _, labels = page.picture(found).axes[0].get_legend_handles_labels()
        assert len(labels) == len(set(labels)) >= len(seconds) + 1
        assert sum("GPU" in label for label in labels) == 1
    sheet = Sheet()
    matmul.ladder_table(sheet, figures[matmul.__name__]["seconds"])
    assert sheet.tables[0]["columns"][-1] == "here, GPU"


def test_a_turn_has_as_many_calls_as_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    from foundation_pages import clock

    now, calls = [0.0], {"slow": 0, "quick": 0}
    monkeypatch.setattr(clock.time, "perf_counter", lambda: now[0])

    def taking(name: str, seconds: float) -> Callable[[], None]:
        def work() -> None:
            calls[name] += 1
            now[0] += seconds

        return work

    found = clock.measure(
        {"slow": taking("slow", 2.0), "quick": taking("quick", 0.5)}, torch.device("cpu"), 3, turn=1.0
    )
    assert found == {"slow": [2.0] * 3, "quick": [0.5] * 3}
    # one that makes ready, one that says how long it takes, then a turn that does not count and three that do
    assert calls == {"slow": 2 + 4 * 1, "quick": 2 + 4 * 2}


def test_figures_are_written_in_three_digits() -> None:
    from foundation_pages.clock import duration, factor, times_faster, timing

    seconds = {
        1.15: "1.15 s",
        0.99996: "1.00 s",
        0.573: "573 ms",
        1.7e-3: "1.70 ms",
        68.7e-6: "68.7 µs",
        3e-7: "0.30 µs",
    }
    assert {s: duration(s) for s in seconds} == seconds
    assert timing([1e-3, 3e-3, 2e-3, 4e-3, 5e-3]) == "3.00 ms [2.00, 4.00]"
    assert timing([0.9e-3, 1.1e-3, 1.1e-3]) == "1.10 ms [1.00, 1.10]"
    assert [factor(r) for r in (0.5, 1.994, 3.14, 99.0, 12345.6)] == ["0.50 x", "1.99 x", "3.1 x", "99 x", "12,346 x"]
    assert times_faster([4.0, 9.0, 8.0], [2.0, 3.0, 1.0]) == 3


def test_the_document_is_what_the_figures_give() -> None:
    from foundation_pages import PAGES
    from foundation_pages.document import records, render

    found = records(ROOT / "docs" / "foundations")
    assert set(found) == set(PAGES)
    assert not any(record["fast"] for record in found.values())
    page = (ROOT / "docs" / "foundations.md").read_text(encoding="utf-8")
    assert page == render(found), (
        "write it anew; python scripts/foundations.py tensors --docs is enough where only words changed"
    )
    for name, record in found.items():
        assert page.count(f"(foundations/{name}.png)") == record["picture"]
        if record["picture"]:
            with Image.open(ROOT / "docs" / "foundations" / f"{name}.png") as picture:
                picture.load()


def test_the_document_is_written_with_the_pages(tmp_path: Path) -> None:
    import foundations

    (tmp_path / "docs").mkdir()
    assert foundations.run(["tensors"], False, 1, True, tmp_path) == {}
    page = (tmp_path / "docs" / "foundations.md").read_text(encoding="utf-8")
    assert page.startswith("# Foundations")
    assert "| `c.unsqueeze(0).equal(c[None]), c[None].shape` | `(True, torch.Size([1, 3]))` |" in page
    assert "1 thread, " in page
