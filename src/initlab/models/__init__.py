"""The models of the textbooks as LightningModules, written from scratch."""

from initlab.models.linear import LinearRegression
from initlab.models.mlp import MLP
from initlab.models.mlp_regression import MLPRegression
from initlab.models.module import Classifier, Module, Regressor
from initlab.models.neuron import Neuron
from initlab.models.softmax import SoftmaxRegression

__all__ = [
    "MLP",
    "Classifier",
    "LinearRegression",
    "MLPRegression",
    "Module",
    "Neuron",
    "Regressor",
    "SoftmaxRegression",
]
