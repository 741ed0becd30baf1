"""What a page fills in: checks that held, tables, and the numbers behind them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


class WrongRungError(AssertionError):
    """A rung of a page is not what it should be. Not an `assert`: `python -O` would pass it over."""


@dataclass
class Sheet:
    """One page, while it is worked out. `fast`: small sizes and few repeats, the same checks."""

    fast: bool = False
    checks: list[str] = field(default_factory=list)
    tables: list[dict[str, Any]] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def rounds(self) -> int:
        """How often each contender is timed."""
        return 2 if self.fast else 11

    @property
    def devices(self) -> list[torch.device]:
        """The CPU, and the GPU where there is one."""
        return [torch.device("cpu")] + [torch.device("cuda")] * torch.cuda.is_available()

    def check(self, words: str, holds: object) -> None:
        """Note that it holds, or raise `WrongRungError`."""
        if not holds:
            raise WrongRungError(f"{words}: does not hold")
        self.checks.append(words)

    def close(self, words: str, got: Tensor, want: Tensor, allowed: float | Tensor) -> float:
        """Check |got - want| <= allowed, entry by entry, in float64; gives the largest difference."""
        if got.shape != want.shape:
            raise WrongRungError(f"{words}: has shape {list(got.shape)}, not {list(want.shape)}")
        gap = (got.detach().cpu().double() - want.detach().cpu().double()).abs()
        bound = torch.as_tensor(allowed, dtype=torch.float64).cpu().expand_as(gap)
        if not bool((gap <= bound).all()):  # nan is not within any bound
            at = int((gap / bound).nan_to_num(nan=torch.inf).argmax())
            raise WrongRungError(f"{words}: off by {gap.flatten()[at]:.2g}, allowed is {bound.flatten()[at]:.2g}")
        worst = float(gap.max()) if gap.numel() else 0.0
        self.checks.append(f"{words}: off by {worst:.1e} at most" if worst else f"{words}: to the last bit")
        return worst

    def refuses(self, words: str, work: Callable[[], object]) -> None:
        """Check that it raises a ValueError or, as torch does for shapes, a RuntimeError."""
        try:
            work()
        except (ValueError, RuntimeError):
            self.checks.append(words)
        else:
            raise WrongRungError(f"{words}: it gave an answer")

    def table(self, caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Cells as they are shown, set right; those under a heading that ends in `<` are set left."""
        for row in rows:
            if len(row) != len(columns):
                raise WrongRungError(f"{caption}: a row of {len(row)} cells under {len(columns)} headings")
        self.tables.append({"caption": caption, "columns": list(columns), "rows": [list(row) for row in rows]})
