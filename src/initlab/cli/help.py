"""What --help shows: one screen."""

from __future__ import annotations

import textwrap

from initlab.invocation import command
from initlab.shipped import CONFIGS

HELP = {"--help", "-h"}
WIDTH = 80

TRAIN = """\
initlab: why does this network (not) train from this initialisation?

  {train} model=mlp init=kaiming model.depth=5
  {train} -m init=kaiming,xavier seed=0,1,2,3,4,5    # a sweep
  {train} resume=latest        # or -m sweep.resume=latest

What to choose, as group=option:
{groups}
The keys used most, as key=value (default):
  model.depth, model.width     hidden layers (1), units of each (256)
  model.activation             relu, tanh, sigmoid, gelu, silu, ... (relu)
  init.sigma                   std of a weight, of init=normal (0.01)
  lr, optimizer.momentum       learning rate (0.1; Adam 0.001), momentum (0)
  trainer.max_epochs           epochs (10)
  data.batch_size              images or rows a step (256)
  seed                         of the weights and the data order (0)
  callbacks.monitor.table      true: the layers' numbers in the terminal (false)
  threads                      CPU threads of torch (null: all cores)

--cfg job prints every key of the config that the given words make;
docs/configuration.md says what each means; --hydra-help has Hydra's own flags.
"""
FORECAST = """\
Will this network train from this initialisation? Answered without training.

  {forecast} init=normal model.depth=20 model.activation=tanh
  {forecast} init=all model.depth=20     # every scheme, ranked
  {forecast} activation=all init=xavier  # every activation
  {forecast} init=all activation=all     # every pair

It takes the words of train.py and prints, of each layer, the std of its output
with the band in which 95 % of the draws lie, how alike two inputs are by then,
and the gradient; then the verdict at the run's learning rate, and where
that is not "trains", one command that is predicted to.

Its own key:
  forecast.measure=20          draw real weights so many times, and print what
                               they do next to the forecast (0)
The keys used most:
  init                         {inits}
  model.depth, model.width     hidden layers (1), units of each (256)
  model.num_hiddens            or a list: 'model.num_hiddens=[512,256]'
  model.activation             relu, tanh, sigmoid, gelu, silu, ... (relu)
  optimizer, lr                sgd, adam, adamw; the learning rate (0.1)
  trainer.max_epochs           how long the run would train (10)

--help of train.py lists the groups; --cfg job prints every key.
"""
GROUPS = {
    "model": "the network",
    "data": "what to learn",
    "init": "how the weights are drawn",
    "optimizer": "how they move",
    "scheduler": "how lr moves",
    "trainer": "which device",
    "callbacks": "what watches",
    "logger": "where numbers go",
    "experiment": "a page of a book",
    "debug": "a quick look",
}
SAME_AS = ("kaiming_", "lecun_", "xavier_")  # and what differs is a key of the first


def help_page(config_name: str) -> str:
    """Of scripts/train.py or, by the name of its config, scripts/forecast.py."""
    typed = {name: " ".join(command(name)) for name in ("train", "forecast")}
    if config_name == "forecast":
        inits = textwrap.fill(", ".join(_options("init")), WIDTH - 31).replace("\n", "\n" + " " * 31)
        return FORECAST.format(inits=inits, **typed)
    lines = []
    for group, meaning in GROUPS.items():
        options = ", ".join(_options(group))
        if group == "experiment":
            options = "he_2015, d2l_mlp, xor, ...: docs/gallery.md has all"
        text = textwrap.fill(f"{meaning}: {options}", WIDTH - 14).replace("\n", "\n" + " " * 14)
        lines.append(f"  {group:<12}{text}\n")
    return TRAIN.format(groups="".join(lines), **typed)


def _options(group: str) -> list[str]:
    """By name; of those with a name for each distribution the one that has both."""
    return sorted(path.stem for path in (CONFIGS / group).glob("*.yaml") if not path.stem.startswith(SAME_AS))
