"""The key that wraps patients' keys is changed, and nothing becomes unreadable on the way."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import grpc
import pytest

from kjernejournal.documents.v1 import documents_pb2
from kjernejournal.documents.v1.documents_pb2_grpc import DocumentsServiceStub
from kjernejournal.own_registrations.v1 import own_registrations_pb2
from kjernejournal.own_registrations.v1.own_registrations_pb2_grpc import OwnRegistrationsServiceStub
from services import rewrap
from services.documents.repository import Repository as DocumentRepository
from services.documents.servicer import Servicer as DocumentServicer
from services.documents.uploads import Uploads
from services.own_registrations.repository import Repository as OwnRepository
from services.own_registrations.servicer import Servicer as OwnServicer
from shared.database import Database
from shared.sealing import KeyWrap, file_line
from tests.services.documents.calls import LARGEST, Documents
from tests.services.own_registrations.calls import Register, illness
from tests.support import postgres as clusters
from tests.support.service import served


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """The key file before the change, during it, and after it."""
    one, two = os.urandom(32), file_line(2, os.urandom(32))
    made = {"before": one, "during": two + file_line(1, one), "after": two}
    for name, content in made.items():
        (tmp_path / name).write_bytes(content)
    return {name: tmp_path / name for name in made}


@asynccontextmanager
async def documents(names: clusters.Database, key_file: Path) -> AsyncIterator[Documents]:
    database = await Database.connect(names.dsn, size=2)
    repository = DocumentRepository(database, KeyWrap.from_file(key_file))
    uploads = Uploads(repository, LARGEST)
    service = documents_pb2.DESCRIPTOR.services_by_name["DocumentsService"]
    async with served((DocumentServicer(repository, uploads, LARGEST), service)) as channel:
        yield Documents(DocumentsServiceStub(channel), database, repository, uploads)
    await uploads.settle()
    await database.close()


@asynccontextmanager
async def registrations(names: clusters.Database, key_file: Path) -> AsyncIterator[Register]:
    database = await Database.connect(names.dsn, size=2)
    service = own_registrations_pb2.DESCRIPTOR.services_by_name["OwnRegistrationsService"]
    async with served((OwnServicer(OwnRepository(database, KeyWrap.from_file(key_file))), service)) as channel:
        yield Register(OwnRegistrationsServiceStub(channel), database)
    await database.close()


async def wrapped_by(names: clusters.Database) -> dict[int, int]:
    database = await Database.connect(names.superuser_dsn, size=1)
    rows = await database.fetch("SELECT key_id, count(*) FROM patient_keys GROUP BY key_id", name="wrapped_by")
    await database.close()
    return {row["key_id"]: row["count"] for row in rows}


async def run(service: str, names: clusters.Database, key_file: Path) -> int:
    environment = {"KJ_DATABASE_OWNER_URL": names.owner_dsn, rewrap.KEY_FILES[service]: str(key_file)}
    return await rewrap.run([service], environment)


async def test_documents_stay_readable_while_their_wrapping_key_is_changed(
    postgres: clusters.Cluster, files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    names = await postgres.migrated("documents")
    old, new, ids = str(uuid4()), str(uuid4()), {}
    async with documents(names, files["before"]) as service:
        ids[old] = (await service.upload(old, b"old")).header.id
    async with documents(names, files["during"]) as service:
        assert (await service.download(old, ids[old]))[1] == b"old"
        ids[new] = (await service.upload(new, b"new")).header.id
    assert await wrapped_by(names) == {1: 1, 2: 1}
    async with documents(names, files["after"]) as service:
        with pytest.raises(grpc.aio.AioRpcError) as closed:
            await service.download(old, ids[old])
        assert closed.value.code() == grpc.StatusCode.INTERNAL
        assert await run("documents", names, files["after"]) == 1, "key 1 is gone too early"
        assert "1 keys do not open" in capsys.readouterr().err
        assert await run("documents", names, files["during"]) == 0
        assert "1 keys are wrapped by key 2 now" in capsys.readouterr().out
        assert await wrapped_by(names) == {2: 2}
        for ref, content in ((old, b"old"), (new, b"new")):
            assert (await service.download(ref, ids[ref]))[1] == content
        assert await run("documents", names, files["after"]) == 0


async def test_own_registrations_stay_readable_while_their_wrapping_key_is_changed(
    postgres: clusters.Cluster, files: dict[str, Path]
) -> None:
    names = await postgres.migrated("own_registrations")
    old, new, deleted = str(uuid4()), str(uuid4()), str(uuid4())
    async with registrations(names, files["before"]) as register:
        await register.save(old, illness())
        await register.delete(deleted, (await register.save(deleted, illness())).header.id)
    async with registrations(names, files["during"]) as register:
        await register.save(new, illness())
        await register.save(deleted, illness("Etter slettingen"))
        assert len(await register.entries(old)) == 1
    assert await wrapped_by(names) == {1: 1, 2: 2}
    assert await run("own_registrations", names, files["during"]) == 0
    assert await wrapped_by(names) == {2: 3}
    async with registrations(names, files["after"]) as register:
        assert [len(await register.entries(ref)) for ref in (old, new, deleted)] == [1, 1, 1]


@pytest.mark.parametrize(
    "arguments, environment, text",
    [
        ([], {}, "usage"),
        (["visits"], {}, "usage"),
        (["documents"], {}, "KJ_DATABASE_OWNER_URL is not set"),
        (["documents"], {"KJ_DATABASE_OWNER_URL": "postgresql://nobody:secret@127.0.0.1:1/x"}, "KJ_DOCUMENT_KEY_FILE"),
        (
            ["documents"],
            {"KJ_DATABASE_OWNER_URL": "postgresql://nobody:secret@127.0.0.1:1/x", "KJ_DOCUMENT_KEY_FILE": "/no/file"},
            "cannot be read",
        ),
    ],
)
def test_what_is_missing_is_named_in_a_line_without_the_password(
    arguments: list[str], environment: dict[str, str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rewrap.main(arguments, environment) == 1
    said = capsys.readouterr().err
    assert text in said
    assert "secret" not in said
