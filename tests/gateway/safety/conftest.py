"""A patient for each test of the safety checks."""

import pytest

from tests.gateway.safety.patients import Made


@pytest.fixture
def made() -> Made:
    return Made()
