"""A forward pass to look at, after which the network is as it was."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import nn


@contextmanager
def only_looking(model: nn.Module) -> Iterator[None]:
    """In evaluation mode, without gradients, nothing compiled or fused, so that hooks see every layer; afterwards mode,
    buffers and random numbers are as before."""
    modes = [(module, module.training) for module in model.modules()]
    buffers = [(m, name, b, b.detach().clone()) for m, _ in modes for name, b in m.named_buffers(recurse=False)]
    fused = torch.backends.mha.get_fastpath_enabled()
    cuda = sorted({p.device.index for p in model.parameters() if p.is_cuda})
    try:
        for module, _ in modes:
            module.training = False  # not eval(), which a model may have a version of its own of
        torch.backends.mha.set_fastpath_enabled(False)
        with torch.no_grad(), torch.random.fork_rng(cuda), nothing_compiled():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
        for module, was in modes:
            module.training = was
        with torch.no_grad():
            for module, name, buffer, value in buffers:
                buffer.copy_(value)
                setattr(module, name, buffer)  # which it may have replaced


def nothing_compiled() -> AbstractContextManager[object]:
    """To ask for it imports the compiler, for seconds, which anything compiled has done already."""
    return torch.compiler.set_stance("force_eager") if "torch._dynamo" in sys.modules else nullcontext()
