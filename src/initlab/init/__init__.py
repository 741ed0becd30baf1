"""Initialisation schemes: plain numbers in, weights out, and the std that each promises."""

from initlab.init.constant import Constant, Zeros
from initlab.init.critical import Critical
from initlab.init.fixed_scale import Normal, TruncatedNormal, Uniform
from initlab.init.gains import gain_of
from initlab.init.given import Given
from initlab.init.identity import Identity
from initlab.init.initialize import initialize
from initlab.init.lsuv import LSUV, Scaled
from initlab.init.mean_field import MeanField
from initlab.init.mup import MuP
from initlab.init.orthogonal import Orthogonal
from initlab.init.report import Drawn, LeftAlone, Report
from initlab.init.scheme import Scheme, dense_layers, layers_for
from initlab.init.sparse import Sparse
from initlab.init.step_sizes import step_size_factors, with_step_sizes
from initlab.init.torch_default import TorchDefault
from initlab.init.variance_scaling import Kaiming, LeCun, Xavier

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
