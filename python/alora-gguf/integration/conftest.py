"""These tests need torch, PEFT, Dask, Ray or a server that plays S3; `make python-integration` runs them, CI does not."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def testdata() -> Path:
    return ROOT / "testdata"
