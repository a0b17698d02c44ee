"""In processes of their own: logging is configured for the whole process."""

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shared.log_rate import LINES_AT_ONCE, SECONDS_A_LINE, Sparing
from shared.logs import JsonFormatter
from shared.telemetry import span
from tests.support.postgres import Cluster
from tests.support.telemetry.spans import caught

ROOT = Path(__file__).resolve().parents[2]
CANARY = "21875049123"


def _lines(program: str, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
    start = "import logging; from shared.logs import configure_logging; configure_logging('visits')\n"
    ran = subprocess.run(
        [sys.executable, "-c", start + program, *arguments],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'protos' / 'gen'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == code, ran.stderr
    assert ran.stdout == ""
    return [json.loads(line) for line in ran.stderr.splitlines()]


def test_a_line_says_when_who_and_what() -> None:
    (line,) = _lines("logging.getLogger('services.visits').info('loaded %d rows', 3, extra={'batch': 7})")
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "INFO",
        "service": "visits",
        "logger": "services.visits",
        "message": "loaded 3 rows",
        "batch": 7,
    }


def test_inside_a_span_it_names_the_trace() -> None:
    import logging

    from shared.logs import JsonFormatter

    record = logging.makeLogRecord({"name": "services.visits", "msg": "x"})
    with caught(), span("request") as one:
        line = json.loads(JsonFormatter("visits").format(record))
    assert (line["trace_id"], line["span_id"]) == one.context


def test_national_ids_are_replaced_wherever_they_come_in() -> None:
    (line,) = _lines(
        f"log = logging.getLogger('gateway'); extra = {{'who': {CANARY}, 'o': '{CANARY}'}}\n"
        f"log.warning('for {CANARY}: %s', '{CANARY}', extra=extra)"
    )
    assert CANARY not in str(line)
    assert line["message"] == "for [id]: [id]"
    assert (line["who"], line["o"]) == ("[id]", "[id]")


def test_an_exception_tells_its_type_and_our_places_and_not_its_text() -> None:
    (line,) = _lines(
        "from shared.telemetry import span\n"
        "try:\n"
        "    try:\n"
        "        span('x', **{'kj.rows': 1}).set('Kari Nordmann', 1)\n"
        "    except ValueError as error:\n"
        "        raise OSError('Ola Nordmann') from error\n"
        "except OSError as error:\n"
        "    logging.getLogger('services.x').exception('it failed: %s', error)\n"
    )
    assert "Nordmann" not in str(line)
    assert line["message"] == "it failed: OSError"
    outer, cause = line["errors"]
    assert (outer["type"], cause["type"]) == ("builtins.OSError", "builtins.ValueError")
    assert any(place.startswith("shared/telemetry/spans.py:") and place.endswith(" set") for place in cause["at"])


def test_our_own_refusals_keep_their_fixed_text() -> None:
    (line,) = _lines(
        "from shared.errors import entry_not_found\n"
        "try:\n    raise entry_not_found()\n"
        "except Exception:\n    logging.getLogger('services.x').exception('refused')\n"
    )
    assert line["errors"][0]["text"] == "no such entry for this patient"


async def test_a_drivers_error_gives_its_sqlstate_and_no_value(postgres: Cluster) -> None:
    database = await postgres.database("visits")
    (line,) = _lines(
        "import asyncio, asyncpg, sys\n"
        "async def main():\n"
        "    connection = await asyncpg.connect(sys.argv[1])\n"
        "    try:\n"
        "        await connection.execute('CREATE TEMP TABLE t (name text PRIMARY KEY)')\n"
        "        for _ in range(2): await connection.execute('INSERT INTO t VALUES ($1)', 'Kari Nordmann')\n"
        "    except asyncpg.PostgresError as error:\n"
        "        assert 'Kari Nordmann' in str(error.detail)\n"
        "        logging.getLogger('services.x').exception('not recorded: %s', error)\n"
        "asyncio.run(main())\n",
        database.owner_dsn,
    )
    assert "Nordmann" not in str(line)
    assert (line["errors"][0]["type"], line["errors"][0]["sqlstate"]) == (
        "asyncpg.exceptions.UniqueViolationError",
        "23505",
    )


def test_libraries_give_their_template_and_place() -> None:
    template, made = _lines(
        "log = logging.getLogger('library')\n"
        "log.warning('no answer from %s', 'Kari Nordmann')\n"
        "log.warning(f'no answer from {\"Kari\"} Nordmann')\n"
    )
    assert template["message"] == "no answer from %s"
    assert made["message"] == ""
    assert made["at"].endswith("<string>:4")


_UNCAUGHT = {
    "main": "f()",
    "thread": "import threading; t = threading.Thread(target=f); t.start(); t.join()",
    "destructor": "C = type('C', (), {'__del__': f}); C()",
    "task": """
import asyncio
async def g(): f()
async def main():
    task = asyncio.create_task(g())
    await asyncio.sleep(0.01)
    del task
asyncio.run(main())
""",
    "callback": """
import asyncio
async def main():
    asyncio.get_running_loop().call_soon(f, 'Kari Nordmann')
    await asyncio.sleep(0.01)
asyncio.run(main())
""",
}


@pytest.mark.parametrize("where", _UNCAUGHT)
def test_what_nobody_catches_is_logged_in_the_same_way(where: str) -> None:
    program = f"def f(*_): raise ValueError('Kari Nordmann')\n{_UNCAUGHT[where]}"
    (line,) = _lines(program, code=1 if where == "main" else 0)
    assert "Nordmann" not in str(line)
    assert line["errors"][0]["type"] == "builtins.ValueError"


def test_a_warning_gives_no_text() -> None:
    (line,) = _lines("import warnings; warnings.warn('Kari Nordmann')")
    assert "Nordmann" not in str(line)
    assert line["logger"] == "py.warnings"


def test_a_message_that_does_not_fit_its_arguments_prints_no_arguments() -> None:
    (line,) = _lines("logging.getLogger('services.x').info('%d rows', 'Kari Nordmann')")
    assert line["message"] == "%d rows"


def test_groups_and_circles_of_errors_end() -> None:
    (line,) = _lines(
        "one, two = KeyError('Kari'), KeyError('Ola'); one.__cause__ = two; two.__cause__ = one\n"
        "try:\n    raise ExceptionGroup('Kari', [one, *(ValueError('Kari') for _ in range(20))])\n"
        "except ExceptionGroup:\n    logging.getLogger('services.x').exception('all of it')\n"
    )
    assert "Kari" not in str(line)
    assert len(line["errors"]) == 8


def record(line: int, level: int = logging.WARNING) -> logging.LogRecord:
    return logging.makeLogRecord(
        {"name": "gateway", "pathname": "a.py", "lineno": line, "levelno": level, "msg": "%s came", "args": ("Kari",)}
    )


def test_one_place_logs_a_few_lines_and_then_one_a_second_which_says_how_many_were_left_out() -> None:
    now = 100.5
    sparing = Sparing(lambda _: None, lambda: now)
    assert [sparing.filter(record(1)) for _ in range(1000)].count(True) == LINES_AT_ONCE
    assert sparing.filter(record(2)), "another place"
    now += SECONDS_A_LINE
    after = record(1)
    assert sparing.filter(after)
    assert json.loads(JsonFormatter("gateway").format(after))["left_out"] == 1000 - LINES_AT_ONCE
    assert not sparing.filter(record(1))
    assert all(sparing.filter(record(1, logging.CRITICAL)) for _ in range(100))


def test_a_log_grows_by_rate_however_long_and_fast_a_place_logs() -> None:
    now = 0.0
    sparing = Sparing(lambda _: None, lambda: now)
    written = 0
    while now < 60:
        written += sparing.filter(record(1))
        now += 0.01
    assert 60 / SECONDS_A_LINE <= written <= 60 / SECONDS_A_LINE + LINES_AT_ONCE
    now += LINES_AT_ONCE * SECONDS_A_LINE
    assert [sparing.filter(record(1)) for _ in range(50)].count(True) == LINES_AT_ONCE, "it was quiet meanwhile"


def test_lines_that_were_left_out_are_told_when_none_comes_after_them() -> None:
    told: list[logging.LogRecord] = []
    sparing = Sparing(told.append)
    assert [sparing.filter(record(1)) for _ in range(25)].count(True) == LINES_AT_ONCE
    sparing.tell()
    sparing.tell()
    (line,) = told
    assert sparing.filter(line), "it is written itself"
    shown = json.loads(JsonFormatter("gateway").format(line))
    assert (shown["message"], shown["left_out"]) == ("%s came", 25 - LINES_AT_ONCE)


def test_a_process_that_ends_tells_what_it_left_out() -> None:
    lines = _lines("for n in range(100): logging.getLogger('services.x').info('%d came', n)")
    assert len(lines) == LINES_AT_ONCE + 1
    assert lines[-1]["left_out"] == 100 - LINES_AT_ONCE


def test_what_is_printed_that_is_no_log_line_is_told_of_without_its_text() -> None:
    """As grpc prints the traceback of a call whose status could not be sent."""
    lines = _lines(
        "import sys, traceback\n"
        "for n in range(100):\n"
        f"    try:\n        raise ValueError('{CANARY}')\n"
        "    except ValueError:\n        traceback.print_exc()\n"
        "print('Kari Nordmann', file=sys.stderr)"
    )
    assert "Kari" not in str(lines)
    assert CANARY not in str(lines)
    assert {each["message"] for each in lines} == {"something was printed that is no log line"}
    assert len(lines) == LINES_AT_ONCE + 1


def test_what_grpc_says_of_strangers_is_not_logged() -> None:
    code = "import gateway, os; import services; print(os.environ['GRPC_VERBOSITY'])"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, env={})
    assert ran.stdout == "NONE\n"
