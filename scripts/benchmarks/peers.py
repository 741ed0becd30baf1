"""The same epoch in other frameworks, each as its own documentation does it; those that are installed."""

from __future__ import annotations

import os
import time
from importlib.util import find_spec
from typing import Any

from benchmarks.learning import Training


def installed(model: str, epochs: int, threads: int, data: Any) -> tuple[dict[str, Training], list[str]]:
    """Contenders by name, and the names of what is not installed. `data`: X, y, X_val, y_val as torch tensors.

    Each has the device of the data and `threads` threads; torch's are the caller's to set. scikit-learn has no GPU.
    """
    device = data[0].device.type
    os.environ.setdefault("KERAS_BACKEND", "torch")
    os.environ["PJRT_NPROC"] = str(
        threads
    )  # XLA's pool, made at jax's first computation, which asks no OMP_NUM_THREADS
    made = {"fastai": fastai, "keras": keras, "sklearn": scikit_learn, "jax": jax}
    names = {"keras": f"keras on {os.environ['KERAS_BACKEND']}"}
    if device == "cpu":
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
    else:
        del made["sklearn"]
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # else jax takes most of the GPU's memory
        if find_spec("jax") is not None:
            from jax import default_backend

            names["jax"] = f"jax on {default_backend()}"
    missing = [package for package in made if find_spec(package) is None]
    there = {package: make for package, make in made.items() if package not in missing}
    turns = {names.get(package, package): make(model, epochs, threads, data) for package, make in there.items()}
    return turns, missing


def scikit_learn(model: str, epochs: int, threads: int, data: Any) -> Training:
    """`partial_fit`, which goes once over the rows, shuffled."""
    from sklearn.neural_network import MLPClassifier
    from threadpoolctl import threadpool_limits

    X, y, X_val, y_val = (part.numpy() for part in data)
    sizes = (256,) if model == "mlp" else ()

    def run() -> tuple[float, float]:
        net = MLPClassifier(sizes, solver="sgd", learning_rate_init=0.1, momentum=0, alpha=0, batch_size=256)
        with threadpool_limits(threads):
            start = time.perf_counter()
            for _ in range(epochs):
                net.partial_fit(X, y, classes=range(10))
                accuracy = net.score(X_val, y_val)
            return (time.perf_counter() - start) / epochs, accuracy

    return run


def jax(model: str, epochs: int, threads: int, data: Any) -> Training:
    """An epoch as one compiled scan over the whole batches and a step for the short one; compiled before the clock
    starts."""
    import jax
    import jax.numpy as jnp

    X, y, X_val, y_val = (jnp.asarray(part.numpy(force=True)) for part in data)
    sizes = [784, 256, 10] if model == "mlp" else [784, 10]
    whole = len(X) // 256 * 256

    def logits(weights: Any, X: Any) -> Any:
        for i, (W, b) in enumerate(weights):
            X = (jax.nn.relu(X) if i else X) @ W + b
        return X

    def loss(weights: Any, X: Any, y: Any) -> Any:
        return -jnp.take_along_axis(jax.nn.log_softmax(logits(weights, X)), y[:, None], 1).mean()

    def step(weights: Any, batch: Any) -> Any:
        gradient = jax.grad(loss)(weights, X[batch], y[batch])
        return jax.tree.map(lambda w, g: w - 0.1 * g, weights, gradient), None

    @jax.jit
    def epoch(weights: Any, key: Any) -> Any:
        order = jax.random.permutation(key, len(X))
        weights, _ = jax.lax.scan(step, weights, order[:whole].reshape(-1, 256))
        return step(weights, order[whole:])[0] if whole < len(X) else weights

    accuracy = jax.jit(lambda weights: (logits(weights, X_val).argmax(1) == y_val).mean())

    def fresh() -> Any:
        keys = jax.random.split(jax.random.key(0), len(sizes) - 1)
        shapes = zip(keys, sizes[:-1], sizes[1:], strict=True)
        return [(jax.random.normal(key, (i, o)) * i**-0.5, jnp.zeros(o)) for key, i, o in shapes]

    float(accuracy(epoch(fresh(), jax.random.key(0))))

    def run() -> tuple[float, float]:
        weights = fresh()
        start = time.perf_counter()
        for key in jax.random.split(jax.random.key(1), epochs):
            weights = epoch(weights, key)
            right = float(accuracy(weights))
        return (time.perf_counter() - start) / epochs, right

    return run


def keras(model: str, epochs: int, threads: int, data: Any) -> Training:
    """`fit`, on the one backend of a process, which KERAS_BACKEND names: torch unless set."""
    import keras

    X, y, X_val, y_val = (part.numpy(force=True) for part in data)

    def run() -> tuple[float, float]:
        with keras.device("gpu" if data[0].is_cuda else "cpu"):
            hidden = [keras.layers.Dense(256, activation="relu")] if model == "mlp" else []
            net = keras.Sequential([keras.Input((784,)), *hidden, keras.layers.Dense(10)])
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            net.compile(keras.optimizers.SGD(0.1), loss, metrics=["accuracy"])
            start = time.perf_counter()
            seen = net.fit(X, y, batch_size=256, epochs=epochs, validation_data=(X_val, y_val), verbose=0)
            return (time.perf_counter() - start) / epochs, seen.history["val_accuracy"][-1]

    return run


def fastai(model: str, epochs: int, threads: int, data: Any) -> Training:
    """`Learner.fit` over tensors that are in memory, a batch by one look-up, as fastai's own tables do it."""
    import torch
    from fastai.basics import SGD, DataLoader, DataLoaders, Learner, accuracy, partial

    from benchmarks.plain import network

    X, y, X_val, y_val = data

    def batches(X: Any, y: Any, shuffle: bool) -> Any:
        return DataLoader(range(len(X)), bs=256, shuffle=shuffle, create_batch=lambda rows: (X[rows], y[rows]))

    def run() -> tuple[float, float]:
        loaders = DataLoaders(batches(X, y, True), batches(X_val, y_val, False), device=X.device)
        loss, plain_sgd = torch.nn.functional.cross_entropy, partial(SGD, mom=0)
        learner = Learner(loaders, network(model), loss, plain_sgd, lr=0.1, metrics=accuracy)
        start = time.perf_counter()
        with learner.no_logging():
            learner.fit(epochs)
        return (time.perf_counter() - start) / epochs, learner.recorder.values[-1][-1]

    return run
