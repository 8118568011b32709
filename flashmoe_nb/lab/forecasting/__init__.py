"""Forecasts of speed, memory and disk, before anything is downloaded."""

from flashmoe_nb.lab.forecasting.costs import Costs
from flashmoe_nb.lab.forecasting.dense_moe import DenseAgainstMoE, dense_against_moe
from flashmoe_nb.lab.forecasting.estimating import forecast
from flashmoe_nb.lab.forecasting.machines import MACHINES
from flashmoe_nb.lab.forecasting.outcome import Estimate, Forecast
from flashmoe_nb.lab.forecasting.probing import probe

__all__ = ["MACHINES", "Costs", "DenseAgainstMoE", "Estimate", "Forecast", "dense_against_moe", "forecast", "probe"]
