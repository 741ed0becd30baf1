"""Which classes are taken for which."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor


class Classified(NamedTuple):
    """Of each example: its class, the class it was taken for, and the probability that the model gives to that."""

    true: Tensor
    predicted: Tensor
    probability: Tensor

    @classmethod
    def of(cls, y: Tensor, logits: Tensor) -> Classified:
        probability, predicted = logits.double().softmax(dim=1).max(dim=1)
        return cls(y, predicted, probability)


def confusion_matrix(classified: Classified, num_classes: int) -> Tensor:
    """int64 [true, predicted]: how many examples of a class were taken for which."""
    at = classified.true * num_classes + classified.predicted
    return torch.bincount(at, minlength=num_classes**2).reshape(num_classes, num_classes)


def per_class(matrix: Tensor, names: list[str]) -> list[dict[str, Any]]:
    """Of each class: examples, how many were right, the share of them, and what the others are taken for most."""
    rows = []
    for i, name in enumerate(names):
        counts = matrix[i].tolist()
        wrong = [0 if j == i else count for j, count in enumerate(counts)]
        often = max(range(len(names)), key=wrong.__getitem__)
        rows.append(
            {
                "class": name,
                "examples": sum(counts),
                "right": counts[i],
                "accuracy": counts[i] / sum(counts) if sum(counts) else None,
                "taken_for": names[often] if wrong[often] else None,
                "times": wrong[often],
            }
        )
    return rows


def most_confident_mistakes(classified: Classified, most: int = 100) -> list[dict[str, Any]]:
    """Where the model was wrong and surest of it, surest first; of equals the first in the test set."""
    wrong = (classified.true != classified.predicted).nonzero().flatten()
    order = classified.probability[wrong].argsort(descending=True, stable=True)[:most]
    return [
        {
            "index": int(i),
            "true": int(classified.true[i]),
            "predicted": int(classified.predicted[i]),
            "probability": float(classified.probability[i]),
        }
        for i in wrong[order]
    ]
