"""What other libraries call the options and keys of this project."""

from __future__ import annotations

OPTIONS: dict[str, dict[str, str]] = {
    "init": {
        "he": "kaiming", "he_normal": "kaiming_normal", "he_uniform": "kaiming_uniform", "msra": "kaiming",
        "glorot": "xavier", "glorot_normal": "xavier_normal", "glorot_uniform": "xavier_uniform",
        "gaussian": "normal", "random": "normal", "randn": "normal", "small": "normal", "zero": "zeros",
        "ones": "constant", "eye": "identity", "default": "torch_default", "torch": "torch_default",
        "pytorch": "torch_default", "truncated": "truncated_normal", "trunc_normal": "truncated_normal",
        "edge_of_chaos": "critical", "chaos": "critical", "ortho": "orthogonal", "delta_orthogonal": "orthogonal",
    },
    "model": {"logistic": "softmax", "regression": "linear", "linear_regression": "linear", "dense": "mlp",
              "fc": "mlp", "nn": "mlp", "perceptron": "neuron"},
    "data": {"fashion": "fashion_mnist", "mnist": "fashion_mnist", "synthetic": "synthetic_regression",
             "regression": "synthetic_regression", "table": "csv", "file": "csv"},
    "optimizer": {"momentum": "sgd", "gd": "sgd"},
    "scheduler": {"onecycle": "one_cycle", "1cycle": "one_cycle", "constant": "none"},
    "trainer": {"cuda": "gpu", "default": "auto"},
}  # fmt: skip
KEYS = {
    "epochs": "trainer.max_epochs", "num_epochs": "trainer.max_epochs", "n_epochs": "trainer.max_epochs",
    "max_epochs": "trainer.max_epochs", "epoch": "trainer.max_epochs", "steps": "trainer.max_steps",
    "num_steps": "trainer.max_steps", "iterations": "trainer.max_steps", "max_steps": "trainer.max_steps",
    "trainer.epochs": "trainer.max_epochs", "trainer.steps": "trainer.max_steps", "learning_rate": "lr", "eta": "lr",
    "lrate": "lr", "step_size": "lr", "alpha": "lr", "optimizer.learning_rate": "lr", "bs": "data.batch_size",
    "batch": "data.batch_size", "batch_size": "data.batch_size", "batchsize": "data.batch_size",
    "minibatch": "data.batch_size", "layers": "model.depth", "num_layers": "model.depth", "n_layers": "model.depth",
    "model.num_layers": "model.depth", "depth": "model.depth", "width": "model.width", "hidden": "model.width",
    "units": "model.width", "hidden_size": "model.width", "model.hidden": "model.width", "model.units": "model.width",
    "num_hiddens": "model.num_hiddens", "act": "model.activation", "activation": "model.activation",
    "model.act": "model.activation", "nonlinearity": "model.activation", "std": "init.sigma", "init.std": "init.sigma",
    "sigma": "init.sigma", "scale": "init.gain", "gain": "init.gain", "init.scale": "init.gain",
    "initialization": "init", "initializer": "init", "initialisation": "init", "weights": "init", "opt": "optimizer",
    "optim": "optimizer", "momentum": "optimizer.momentum", "weight_decay": "optimizer.weight_decay",
    "wd": "optimizer.weight_decay", "l2": "optimizer.weight_decay", "dataset": "data", "device": "trainer",
    "gpu": "trainer", "accelerator": "trainer.accelerator", "devices": "trainer.devices",
    "precision": "trainer.precision", "random_seed": "seed", "rng": "seed", "network": "model", "net": "model",
    "arch": "model", "clip": "trainer.gradient_clip_val", "grad_clip": "trainer.gradient_clip_val",
    "output_dir": "hydra.run.dir", "out": "hydra.run.dir", "logdir": "hydra.run.dir",
}  # fmt: skip
