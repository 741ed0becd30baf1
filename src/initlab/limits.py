"""How far the gradient of the first layer may lie from that of the last one in a network that trains: the numbers that
the forecast judges by before a run and the findings after it.

decades = log10(g_1 / g_L), g_l the std of the gradient of the loss with respect to the output of hidden layer l. The
limits are those with the most runs right in docs/forecast_evidence.csv; `python scripts/forecast_evidence.py table`
fits them anew.
"""

LOST = {"sgd": -2.25, "adam": -5.5}  # decades; SGD with momentum, and Adam for all whose step keeps its length
GAINED = {"sgd": 1.75, "adam": 4.75}
EDGE = 0.5  # decades to either side of a limit that are too near to call: no finding, and "on the edge" before the run

# Of the learning rate, in decades of what `initlab.theory.rates` computes; fitted to the runs of each rate apart, by
# `python scripts/forecast_evidence.py rates`.
TOO_SMALL = 0.85  # 200 lr D
TOO_LARGE = {"sgd": {False: -0.85, True: -0.4}, "adam": {False: -0.3, True: -0.4}}  # lr R sum 1 / n, by bounded or not
EDGE_SMALL, EDGE_LARGE = 1.0, 0.5  # to either side of these limits, too near to call
ADAM_LEAST = 1e-3  # a decade above the smallest rate that is called
UNSTABLE_GAIN = 0.75  # decades by which layers whose gain grows with the signal may amplify a change of it

# Optimisers whose step does not shrink with the gradient, by the beginning of the class's name in lower case.
SCALE_FREE = ("adam", "rmsprop", "adagrad", "adadelta", "lion", "muon", "sophia", "rprop", "lamb")


def kind_of(optimizer: str) -> str:
    """ "adam" for the name of a class of optimisers whose step keeps its length, else "sgd"."""
    return "adam" if optimizer.lower().startswith(SCALE_FREE) else "sgd"
