"""Initialisation schemes: plain numbers in, weights out, and the std that each promises."""

from initlab.init.fixed_scale import Normal, Sparse, TruncatedNormal, Uniform
from initlab.init.gains import gain_of
from initlab.init.initialize import initialize
from initlab.init.lsuv import LSUV, Scaled
from initlab.init.mean_field import Critical, MeanField
from initlab.init.mup import MuP
from initlab.init.not_drawn import Constant, Given, Identity, Zeros
from initlab.init.orthogonal import Orthogonal
from initlab.init.report import Drawn, LeftAlone, Report
from initlab.init.scheme import Scheme
from initlab.init.step_sizes import dense_layers, layers_for, step_size_factors, with_step_sizes
from initlab.init.variance_scaling import Kaiming, LeCun, TorchDefault, Xavier

__all__ = [
    "LSUV",
    "Constant",
    "Critical",
    "Drawn",
    "Given",
    "Identity",
    "Kaiming",
    "LeCun",
    "LeftAlone",
    "MeanField",
    "MuP",
    "Normal",
    "Orthogonal",
    "Report",
    "Scaled",
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
    "layers_for",
    "step_size_factors",
    "with_step_sizes",
]
