"""Times between messages and columns."""

from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from kjernejournal.common.v1.common_pb2 import PartialDate
from shared.convert import moment, start_of
from shared.database import Database
from shared.handling.decoding import EARLIEST, LATEST
from tests.support.postgres import Cluster


@pytest.mark.parametrize(
    "time",
    [
        moment(Timestamp(seconds=EARLIEST)),
        start_of(PartialDate(year=1)),
        moment(Timestamp(seconds=1_700_000_000, nanos=123_456_789)),
        moment(Timestamp(seconds=LATEST, nanos=999_999_999)),
    ],
    ids=str,
)
async def test_every_time_of_a_message_comes_back_from_the_database(time: datetime, postgres: Cluster) -> None:
    database = await Database.connect((await postgres.migrated("visits")).dsn)
    stored = await database.fetchval("SELECT $1::timestamptz", time, name="time")
    await database.close()
    assert stored == time  # times without a zone equal none with one


def test_a_moment_is_as_the_message_says() -> None:
    assert moment(Timestamp(seconds=1_700_000_000, nanos=123_456_789)) == datetime(
        2023, 11, 14, 22, 13, 20, 123_456, tzinfo=UTC
    )
