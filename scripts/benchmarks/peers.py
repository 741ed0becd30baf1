"""The same epoch in other frameworks, each as its own documentation does it; those that are installed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

Turn = Callable[[], float]


def installed(model: str, epochs: int, data: Any) -> tuple[dict[str, Turn], list[str]]:
    """Contenders by name, and the names of what is not installed. `data`: X, y, X_val, y_val as torch tensors."""
    made = {"fastai": fastai, "keras": keras, "sklearn": scikit_learn, "jax": jax}
    missing = [package for package in made if find_spec(package) is None]
    if "jax" not in missing or "keras" not in missing:
        os.environ.setdefault("KERAS_BACKEND", "torch")
    turns = {package: make(model, epochs, data) for package, make in made.items() if package not in missing}
    return turns, missing


def scikit_learn(model: str, epochs: int, data: Any) -> Turn:
    from sklearn.neural_network import MLPClassifier

    X, y, X_val, y_val = (part.numpy() for part in data)
    sizes = (256,) if model == "mlp" else ()

    def run() -> float:
        net = MLPClassifier(sizes, solver="sgd", learning_rate_init=0.1, momentum=0, alpha=0, batch_size=256)
        start = time.perf_counter()
        for _ in range(epochs):
            net.partial_fit(X, y, classes=range(10))  # one pass
            net.score(X_val, y_val)
        return (time.perf_counter() - start) / epochs

    return run


def jax(model: str, epochs: int, data: Any) -> Turn:
    """The whole epoch as one compiled scan; compiled before the clock starts."""
    import jax
    import jax.numpy as jnp

    X, y, X_val, y_val = (jnp.asarray(part.numpy()) for part in data)
    sizes = [784, 256, 10] if model == "mlp" else [784, 10]

    def logits(weights: Any, X: Any) -> Any:
        for i, (W, b) in enumerate(weights):
            X = (jax.nn.relu(X) if i else X) @ W + b
        return X

    def loss(weights: Any, X: Any, y: Any) -> Any:
        return -jnp.take_along_axis(jax.nn.log_softmax(logits(weights, X)), y[:, None], 1).mean()

    @jax.jit
    def epoch(weights: Any, key: Any) -> Any:
        def step(weights: Any, index: Any) -> Any:
            gradient = jax.grad(loss)(weights, X[index], y[index])
            return jax.tree.map(lambda w, g: w - 0.1 * g, weights, gradient), None

        order = jax.random.permutation(key, len(X))[: len(X) // 256 * 256].reshape(-1, 256)
        return jax.lax.scan(step, weights, order)[0]

    accuracy = jax.jit(lambda weights: (logits(weights, X_val).argmax(1) == y_val).mean())

    def fresh() -> Any:
        keys = jax.random.split(jax.random.key(0), len(sizes) - 1)
        shapes = zip(keys, sizes[:-1], sizes[1:], strict=True)
        return [(jax.random.normal(key, (i, o)) * i**-0.5, jnp.zeros(o)) for key, i, o in shapes]

    float(accuracy(epoch(fresh(), jax.random.key(0))))

    def run() -> float:
        weights = fresh()
        start = time.perf_counter()
        for key in jax.random.split(jax.random.key(1), epochs):
            weights = epoch(weights, key)
            float(accuracy(weights))
        return (time.perf_counter() - start) / epochs

    return run


def keras(model: str, epochs: int, data: Any) -> Turn:
    """`fit`, on the backend that KERAS_BACKEND names (torch)."""
    import keras

    X, y, X_val, y_val = (part.numpy() for part in data)

    def run() -> float:
        hidden = [keras.layers.Dense(256, activation="relu")] if model == "mlp" else []
        net = keras.Sequential([keras.Input((784,)), *hidden, keras.layers.Dense(10)])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        net.compile(keras.optimizers.SGD(0.1), loss, metrics=["accuracy"])
        start = time.perf_counter()
        net.fit(X, y, batch_size=256, epochs=epochs, validation_data=(X_val, y_val), verbose=0)
        return (time.perf_counter() - start) / epochs

    return run


def fastai(model: str, epochs: int, data: Any) -> Turn:
    """`Learner.fit` over tensors that are in memory."""
    import torch
    from fastai.basics import DataLoader, DataLoaders, Learner, accuracy, range_of

    X, y, X_val, y_val = data

    def batches(X: Any, y: Any, shuffle: bool) -> Any:
        return DataLoader(dataset=range_of(X), bs=256, shuffle=shuffle, create_batch=lambda index: (X[index], y[index]))

    def run() -> float:
        hidden = [torch.nn.Linear(784, 256), torch.nn.ReLU()] if model == "mlp" else []
        net = torch.nn.Sequential(*hidden, torch.nn.Linear(256 if hidden else 784, 10))
        loaders = DataLoaders(batches(X, y, True), batches(X_val, y_val, False))
        loss = torch.nn.functional.cross_entropy
        learner = Learner(loaders, net, loss_func=loss, opt_func=_plain_sgd, lr=0.1, metrics=accuracy)
        start = time.perf_counter()
        with learner.no_bar(), learner.no_logging():
            learner.fit(epochs)
        return (time.perf_counter() - start) / epochs

    return run


def _plain_sgd(parameters: Any, lr: float) -> Any:
    from fastai.optimizer import SGD

    return SGD(parameters, lr, mom=0)
