from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def testdata() -> Path:
    return ROOT / "testdata"


@pytest.fixture
def llama(testdata: Path) -> Path:
    """A tiny model, its aLoRA adapter and PEFT's golden logits."""
    return testdata / "inference/llama"


@pytest.fixture
def answerability(testdata: Path) -> Path:
    """A real adapter for SmolLM2-135M-Instruct, and the base's configuration and tokenizer."""
    return testdata / "adapters/answerability"
