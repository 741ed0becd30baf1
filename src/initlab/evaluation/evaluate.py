"""A past run's model on its own test set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from initlab.errors import UserError
from initlab.evaluation.classification import Classified, confusion_matrix, most_confident_mistakes, per_class
from initlab.evaluation.regression import in_own_units, is_standardised, parameters_against_truth, spread
from initlab.evaluation.terminal import examples
from initlab.models import Module
from initlab.models.sums import Sums
from initlab.runs.atomic import write_json
from initlab.runs.open_run import Run
from initlab.runs.reading import check_folder


def evaluate(run: Run) -> dict[str, Any]:
    """Put the model of `run` through all of its test set, write `evaluation/` into its folder, give what metrics.json
    there holds.

    Of classes: confusion.png, and mistakes.png where the inputs are images; of numbers: predicted.png.

    Raises:
        UserError: there is no test set, or the model gives nan.
    """
    if not issubclass(run.model_class, Module):
        name = run.model_class.__name__
        raise UserError(f"model={name}: only models that derive from initlab.models.Module can be evaluated")
    model: Any = run.model
    data: Any = run.data
    folder = run.path / "evaluation"
    check_folder(folder)
    try:
        X, y, y_hat, metrics = through(model, data)
    except UserError:
        raise
    except (RuntimeError, IndexError, ValueError) as error:  # torch's, of shapes and classes
        what = " ".join(str(error).split())[:200]
        raise UserError(f"{run.path}: its model does not fit its data: {what}") from error
    if not y_hat.isfinite().all():
        raise UserError(f"{run.checkpoint}: outputs of this model are nan or inf, so there is nothing to evaluate")
    folder.mkdir(exist_ok=True)
    found: dict[str, Any] = {"weights": run.weights, "examples": len(y), "metrics": metrics}
    title = f"{type(model).__name__} on {type(data).__name__}, {examples(len(y))}"
    if model.task == "classification":
        names = [str(name) for name in getattr(data, "class_names", range(y_hat.shape[1]))]
        classified = Classified.of(y, y_hat)
        matrix = confusion_matrix(classified, len(names))
        mistakes = most_confident_mistakes(classified)
        found |= {"classes": per_class(matrix, names), "confusion": matrix.tolist(), "mistakes": mistakes}
        _draw_classes(folder, title, found, X, names)
    else:
        y, y_hat = in_own_units(data, y), in_own_units(data, y_hat)
        found["metrics"] |= spread(y, y_hat)
        if is_standardised(data):
            found["standardised"] = data.target
        found["parameters"] = parameters_against_truth(model, data)
        _draw_numbers(folder, title, found, y, y_hat)
    write_json(folder / "metrics.json", found)
    return found


@torch.inference_mode()
def through(model: Any, data: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, dict[str, float]]:
    """X, y and y_hat of the whole test set, on the CPU, and the means of the model's figures, as its test has them."""
    data.prepare_data()
    sums, parts = Sums(), []
    for X, y in data.test_dataloader():
        y_hat = model(X)
        sums.add(len(y), loss=model.loss(y_hat, y) * len(y), **model.figures(y_hat, y))
        parts.append((X, y, y_hat))
    if not parts:
        raise UserError("the data of this run have no test set")
    X, y, y_hat = (torch.cat(part) for part in zip(*parts, strict=True))
    return X, y, y_hat, {f"test/{name}": value for name, value in sums.means().items()}


def _draw_classes(folder: Path, title: str, found: dict[str, Any], X: torch.Tensor, names: list[str]) -> None:
    from initlab.plots.evaluation import confusion, mistakes
    from initlab.plots.style import save

    shown = f"{title}: {found['metrics'].get('test/acc', 0):.2%} right"
    save(lambda: confusion(found["confusion"], names, shown), folder / "confusion.png")
    if X.ndim == 4 and X.shape[1] in (1, 3) and found["mistakes"]:
        wrong = found["mistakes"][:24]
        images = X[[mistake["index"] for mistake in wrong]]
        low, high = X.min(), X.max()
        pixels = ((images - low) / (high - low)).movedim(1, -1).numpy()
        save(lambda: mistakes(pixels, wrong, names), folder / "mistakes.png")


def _draw_numbers(folder: Path, title: str, found: dict[str, Any], y: torch.Tensor, y_hat: torch.Tensor) -> None:
    from initlab.plots.evaluation import predicted
    from initlab.plots.style import save

    true, guess = (part.flatten().double().numpy() for part in (y, y_hat))
    save(lambda: predicted(true, guess, title, found["metrics"]), folder / "predicted.png")
