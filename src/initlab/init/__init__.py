"""Initialisation schemes: plain numbers in, weights out, and the std that each promises."""

from initlab.init.constant import Constant, Zeros
from initlab.init.fixed_scale import Normal, TruncatedNormal, Uniform
from initlab.init.identity import Identity
from initlab.init.initialize import dense_layers, gain_of, initialize
from initlab.init.orthogonal import Orthogonal
from initlab.init.scheme import Scheme
from initlab.init.sparse import Sparse
from initlab.init.torch_default import TorchDefault
from initlab.init.variance_scaling import Kaiming, LeCun, Xavier

__all__ = [
    "Constant",
    "Identity",
    "Kaiming",
    "LeCun",
    "Normal",
    "Orthogonal",
    "Scheme",
    "Sparse",
    "TorchDefault",
    "TruncatedNormal",
    "Uniform",
    "Xavier",
    "Zeros",
    "dense_layers",
    "gain_of",
    "initialize",
]
