"""`initlab.forecast`: of a network on paper, by theory, or of any module and a batch, by measuring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from torch import nn

from initlab.errors import UserError
from initlab.forecasting.forecast import Forecast
from initlab.forecasting.on_paper import forecast as forecast_on_paper

if TYPE_CHECKING:
    from initlab.forecasting.measured.network import NetworkForecast


@overload
def forecast(module: nn.Module, batch: Any, /, *args: Any, **more: Any) -> NetworkForecast: ...
@overload
def forecast(*args: Any, **more: Any) -> Forecast: ...
def forecast(*args: Any, **more: Any) -> Forecast | NetworkForecast:
    """Will it train from this initialisation?

    `forecast(net, (X, y))`: any `nn.Module`, measured on a batch without training, see
    `initlab.forecasting.measured.network.forecast_module`; `assert forecast(net, batch).trains`.

    `forecast(Kaiming(), "relu", [784, 256, 10])`: dense layers that do not exist yet, by theory, see
    `initlab.forecasting.on_paper.forecast`.
    """
    if not args or not isinstance(args[0], nn.Module):
        return forecast_on_paper(*args, **more)
    if len(args) == 1 and "batch" not in more:
        name = type(args[0]).__name__
        raise UserError(f"forecast(a {name}): a batch is needed to measure it, as in forecast(net, (X, y))")
    from initlab.forecasting.measured.network import forecast_module  # Lightning is imported only where it is needed

    return forecast_module(*args, **more)
