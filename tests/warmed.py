"""What the fork server does once, and no child of it again: the imports, the first parse of the configs, whose tables
the parser keeps; a command's config is composed once (`composed_once.py`) and its files are parsed once
(`read_once.py`); and the garbage collector never looks through what they all share."""

import gc

import PIL.Image
import read_once
import tensorboard.plugins.custom_scalar.layout_pb2
import tensorboard.plugins.hparams.summary_v2  # noqa: F401
from composed_once import Hydra, get_mode
from omegaconf import OmegaConf

import initlab.cli.main
import initlab.commands.train
import initlab.report.run_page
import initlab.run  # noqa: F401
from initlab.composition import compose

OmegaConf.load = read_once.load
compose("model=linear", "data=synthetic_regression", run_dir="x")
Hydra.get_mode = get_mode
PIL.Image.preinit()
gc.collect()
gc.freeze()
