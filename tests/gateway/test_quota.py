"""The quota of status rpcs says what would do."""

import pytest

from gateway.quota import Quota
from shared.errors import Overloaded


def test_a_list_that_no_minute_takes_is_told_apart_from_a_used_up_one() -> None:
    """Whoever only comes back later is refused for ever."""
    quota = Quota(60, {"983658776": 600})
    with pytest.raises(Overloaded, match="60 patients a minute: ask about fewer"):
        quota.take("974761076", 61)
    quota.take("974761076", 60)
    with pytest.raises(Overloaded, match="used up"):
        quota.take("974761076", 1)
    quota.take("983658776", 200)
