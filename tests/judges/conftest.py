"""The log that is judged is the one that `kj audit` is tested with."""

from tests.kj.audit.conftest import honest

__all__ = ["honest"]
