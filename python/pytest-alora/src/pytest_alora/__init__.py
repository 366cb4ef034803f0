"""Prove LoRA and Activated LoRA adapters in pytest; see `pytest_alora.plugin`."""

from pytest_alora.plugin import Alora, ProofFailedError

__version__ = "0.2.0"

__all__ = ["Alora", "ProofFailedError", "__version__"]
