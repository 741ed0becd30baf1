"""Data modules, and where their data comes from.

The names below load torch and lightning on first use; `initlab.data.fashion_mnist.sources` and `.idx` need neither.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from initlab.data.batches import Batches
    from initlab.data.csv.module import CSVTable
    from initlab.data.fashion_mnist.module import FashionMNIST
    from initlab.data.module import TensorDataModule
    from initlab.data.synthetic_regression import SyntheticRegression
    from initlab.data.truth_table import TruthTable

__all__ = ["Batches", "CSVTable", "FashionMNIST", "SyntheticRegression", "TensorDataModule", "TruthTable"]

_MODULES = {
    "Batches": "batches",
    "CSVTable": "csv.module",
    "FashionMNIST": "fashion_mnist.module",
    "SyntheticRegression": "synthetic_regression",
    "TensorDataModule": "module",
    "TruthTable": "truth_table",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
