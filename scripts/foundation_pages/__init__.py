"""The pages of `scripts/foundations.py`, a module a page: a lesson from scratch, its checks, figures and picture.

A page is a module with a docstring (title, source, question), `READING` (how to read it), `page(sheet)`, which checks
and measures, and, where there is something to see, `picture(figures)`, drawn from the numbers of its JSON file alone.
"""

PAGES = {  # in the order of the lessons: name, what it shows
    "tensors": "what a tensor is: indexing, storage, numbers, shapes",
    "loops": "loops against vectorised addition",
    "matmul": "the matrix product five ways, a dense layer two",
    "broadcasting": "what broadcasting stores",
    "relu": "ReLU three ways",
    "activations": "activation functions and their derivatives",
    "normal": "the normal density, and drawn weights",
    "control_flow": "the gradient through a loop and a branch",
    "backward": "forward and backward pass by hand",
    "saved": "what the forward pass keeps for the backward pass",
}
