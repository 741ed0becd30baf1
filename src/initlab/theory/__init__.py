"""How a signal passes through a random network, in closed form: Gaussian integrals, the recursion with its band, the
critical point. Reads no config, prints nothing."""

from initlab.theory.elementwise import Elementwise, elementwise
from initlab.theory.inputs import FASHION_MNIST, FASHION_MNIST_RAW, STANDARD_NORMAL, Inputs, inputs_of, standard_normal
from initlab.theory.integrals import Moments, decorrelation, moments, pair

__all__ = [
    "FASHION_MNIST",
    "FASHION_MNIST_RAW",
    "STANDARD_NORMAL",
    "Elementwise",
    "Inputs",
    "Moments",
    "decorrelation",
    "elementwise",
    "inputs_of",
    "moments",
    "pair",
    "standard_normal",
]
