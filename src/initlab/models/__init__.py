"""The models of the textbooks as LightningModules, written from scratch, and two of torch's layers to look at."""

from initlab.models.conv_net import ConvNet
from initlab.models.linear import LinearRegression
from initlab.models.mlp import MLP
from initlab.models.mlp_regression import MLPRegression
from initlab.models.module import Classifier, Module, Regressor
from initlab.models.neuron import Neuron
from initlab.models.softmax import SoftmaxRegression
from initlab.models.transformer import Transformer

__all__ = [
    "MLP",
    "Classifier",
    "ConvNet",
    "LinearRegression",
    "MLPRegression",
    "Module",
    "Neuron",
    "Regressor",
    "SoftmaxRegression",
    "Transformer",
]
