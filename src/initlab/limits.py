"""How far the gradient of the first layer may lie from that of the last one in a network that trains: the numbers that
the forecast judges by before a run and the findings after it.

decades = log10(g_1 / g_L), g_l the std of the gradient of the loss with respect to the output of hidden layer l. The
limits are those with the most runs right in docs/data/forecast_evidence.csv, as fitted by
`python scripts/forecast_evidence.py table`.
"""

LOST = {"sgd": -2.25, "adam": -5.5}  # decades; SGD with momentum, and Adam for all whose step keeps its length
GAINED = {"sgd": 1.75, "adam": 4.75}
EDGE = 0.5  # decades to either side of a limit that are too near to call: no finding, and "on the edge" before the run

BOUNDED = {"adam": (-2.5, 1.5)}  # the two, where the activation is bounded and the record tells them apart

# Of the learning rate, in decades of what `initlab.forecasting.rates` computes; fitted to the runs of each rate apart,
# by `python scripts/forecast_evidence.py table`.
TOO_SMALL = {"sgd": 0.85, "adam": 0.0}  # 200 lr D; Adam: 200 lr R a layer
TOO_LARGE = {"sgd": {False: -0.85, True: -0.4}, "adam": {False: 0.0, True: -0.15}}  # lr R sum 1 / n, by bounded or not
# lr P, what moves all inputs the same way; fitted to these runs and those of docs/data/alike_inputs.csv, in which the
# inputs are more alike, by `python scripts/alike_evidence.py table`.
TOO_FAR = {"sgd": {False: 2.75, True: 2.75}, "adam": {False: 1.6, True: 1.0}}
EDGE_SMALL, EDGE_LARGE = {"sgd": 1.0, "adam": 0.3}, 0.5  # to either side of these limits, too near to call
ADAM_LR = 0.001  # Adam's own, and that of configs/optimizer/adam.yaml
UNSTABLE_GAIN = 0.75  # decades by which layers whose gain grows with the signal may amplify a change of it


def limits_of(kind: str, bounded: bool) -> tuple[float, float]:
    """(low, high) of decades."""
    return BOUNDED.get(kind, (LOST[kind], GAINED[kind])) if bounded else (LOST[kind], GAINED[kind])


# Optimisers whose step does not shrink with the gradient: those of torch, and those of other packages, which cannot be
# imported here to compare with, by the beginning of a class's name in lower case.
SCALE_FREE = (
    "adam", "nadam", "radam", "sparseadam", "rmsprop", "adagrad", "adadelta", "adafactor", "lion", "muon", "sophia",
    "rprop", "lamb",
)  # fmt: skip


def kind_of(*optimizers: type) -> str:
    """ "adam" where one of these classes is, or derives from, an optimiser whose step keeps its length, else "sgd"."""
    names = [base.__name__.lower() for optimizer in optimizers for base in optimizer.__mro__]
    return "adam" if any(name.startswith(SCALE_FREE) for name in names) else "sgd"
