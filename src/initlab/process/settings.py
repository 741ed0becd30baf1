"""What a run sets for the whole process, in one place; and put back as it was for the caller of a function."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import lightning as L
import numpy as np
import torch
from omegaconf import DictConfig

log = logging.getLogger(__name__)
ALL_CORES = torch.get_num_threads()  # as torch found it, before any run changed it
SIGNALS = (signal.SIGINT, signal.SIGTERM, *(getattr(signal, name) for name in ("SIGUSR1",) if hasattr(signal, name)))
NOISE = (  # what Lightning warns of about workers and its own services; the run says what matters
    "does not have many workers",
    "isinstance.treespec, LeafSpec",
    "The number of training batches",
    "could not find the monitored key",
    "Be aware that when using `ckpt_path`",  # a callback that resume= was told to leave out
    "Checkpoint directory .* exists and is not empty",
)
TALKATIVE = ("lightning.pytorch", "lightning.fabric")


def prepare_process(cfg: DictConfig) -> None:
    """Set all that is global as the run has it, whatever it was: threads, seeds, dtype, precision of products, and what
    Lightning logs and warns of."""
    devices = 1 if "LOCAL_RANK" in os.environ else cfg.trainer.get("devices", 1)  # a process started by another: done
    threads = cfg.threads or max(1, ALL_CORES // devices)
    torch.set_num_threads(threads)
    if devices > 1:
        os.environ["OMP_NUM_THREADS"] = str(threads)  # of the processes to come; else Lightning chooses
    if (cfg.threads or 1) > (os.cpu_count() or 1):
        log.warning(
            "threads=%s: this machine has %s cores; threads in excess slow it down", cfg.threads, os.cpu_count()
        )
    torch.set_default_dtype(torch.float32)
    # Not torch's newer `fp32_precision`: Lightning asks in the old words, which fails once the new ones were used.
    torch.set_float32_matmul_precision(cfg.get("matmul_precision", "highest"))  # a run from before there was the key
    torch.use_deterministic_algorithms(False)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for words in NOISE:
        warnings.filterwarnings("ignore", f".*{words}")
    L.seed_everything(cfg.seed, workers=True, verbose=False)


@contextlib.contextmanager
def process_left_as_it_was() -> Iterator[None]:
    """Put back, at the end and on an error, what `prepare_process`, Lightning and a run change of the process."""
    with contextlib.ExitStack() as back:
        back.callback(_put_back_torch, _torch_settings())
        back.callback(random.setstate, random.getstate())
        back.callback(np.random.set_state, np.random.get_state())
        back.callback(_put_back_environment, dict(os.environ))
        for name in (None, *TALKATIVE, *logging.root.manager.loggerDict):
            logger = logging.getLogger(name)
            back.callback(_put_back_logger, logger, logger.level, list(logger.handlers), logger.propagate)
        back.callback(_put_back_hooks, sys.excepthook, threading.excepthook)
        back.callback(gc.enable if gc.isenabled() else gc.disable)
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                handler = signal.getsignal(number)
                if handler is not None:  # not one of C
                    back.callback(signal.signal, number, handler)
        back.enter_context(warnings.catch_warnings())
        yield


def _torch_settings() -> dict[str, Any]:
    cudnn = torch.backends.cudnn
    return {
        "threads": torch.get_num_threads(),
        "dtype": torch.get_default_dtype(),
        "matmul": torch.get_float32_matmul_precision(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "warn_only": torch.is_deterministic_algorithms_warn_only_enabled(),
        "cudnn": (cudnn.enabled, cudnn.benchmark, cudnn.deterministic),
        "grad": torch.is_grad_enabled(),
        "anomaly": torch.is_anomaly_enabled(),
        "random": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None,
    }


def _put_back_torch(before: dict[str, Any]) -> None:
    cudnn = torch.backends.cudnn
    torch.set_num_threads(before["threads"])
    torch.set_default_dtype(before["dtype"])
    torch.set_float32_matmul_precision(before["matmul"])
    torch.use_deterministic_algorithms(before["deterministic"], warn_only=before["warn_only"])
    cudnn.enabled, cudnn.benchmark, cudnn.deterministic = before["cudnn"]
    torch.set_grad_enabled(before["grad"])
    torch.autograd.set_detect_anomaly(before["anomaly"])
    torch.set_rng_state(before["random"])
    if before["cuda"] is not None:
        torch.cuda.set_rng_state_all(before["cuda"])


def _put_back_environment(before: dict[str, str]) -> None:
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


def _put_back_logger(logger: logging.Logger, level: int, handlers: list[logging.Handler], propagate: bool) -> None:
    if logger.level != level:  # setting it empties a cache of every logger that there is
        logger.setLevel(level)
    logger.handlers[:] = handlers
    logger.propagate = propagate


def _put_back_hooks(of_sys: Any, of_threads: Any) -> None:
    sys.excepthook, threading.excepthook = of_sys, of_threads
