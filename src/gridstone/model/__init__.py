"""Fitted models of the hardware, for programs with no GPU at hand: numpy and the standard library only."""

from gridstone.model.artifact import Artifact, Fact, Facts, Function
from gridstone.model.hardware import HardwareModel, load
from gridstone.model.law import Law
from gridstone.model.prediction import Extrapolate, ModelError, OutOfDomain, Prediction

__all__ = [
    "Artifact",
    "Extrapolate",
    "Fact",
    "Facts",
    "Function",
    "HardwareModel",
    "Law",
    "ModelError",
    "OutOfDomain",
    "Prediction",
    "load",
]
