"""Which moment of a training it is when a layer is called; torch and Lightning have no public answer to two of them."""

from __future__ import annotations

import sys
from typing import Any

import torch

GRAPH_TASK: Any = getattr(torch._C, "_current_graph_task_id", lambda: -1)


def in_backward() -> bool:
    """Whether autograd is running here, as when activation checkpointing computes a layer again.

    Without torch's private function such calls would count as further calls of the layer, `<layer>#2`.
    """
    return bool(GRAPH_TASK() != -1)


def traced() -> bool:
    """Whether operations are being recorded, by torch.jit.trace or make_fx."""
    proxies = sys.modules.get("torch.fx.experimental.proxy_tensor")  # without it there is no recording by make_fx
    return torch.jit.is_tracing() or (proxies is not None and proxies.get_proxy_mode() is not None)


def in_training_step(model: Any) -> bool:
    """Whether Lightning is calling `training_step`, and no other hook of the model or of a callback within the batch.

    Without Lightning's private note of the hook that it calls, calls in other hooks would count as the step's.
    """
    return getattr(model, "_current_fx_name", "training_step") == "training_step"
