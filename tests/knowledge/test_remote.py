"""A base on S3-compatible storage, on a real server in this process."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from moto.server import ThreadedMotoServer

from harm import numbered
from ravlm.errors import PathError
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry

PLACE = "s3://bucket/kb"
KEYS = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}


@pytest.fixture(scope="module")
def storage() -> Iterator[dict[str, str]]:
    """An S3 server with one bucket; what a base needs to reach it."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    boto3.client("s3", endpoint_url=url, region_name="us-east-1", **KEYS).create_bucket(Bucket="bucket")
    yield {**KEYS, "aws_endpoint": url, "aws_region": "us-east-1", "allow_http": "true"}
    server.stop()


def test_a_base_on_storage_is_a_base(storage: dict[str, str]) -> None:
    base = KnowledgeBase.create(PLACE, storage)
    base.upsert([Entry(f"e{i}", f"E {i}", text="x", images=("1",)) for i in range(5)], numbered)
    reader = KnowledgeBase.open(PLACE, storage)
    assert (reader.count(), reader.count_pictures()) == (5, 1)
    assert reader.picture(reader.get("e3").images[0]) == numbered("1")
    before = base.version
    base.delete(["e1"])
    assert (reader.count(), reader.refresh(), reader.count()) == (5, True, 4)
    reader.rollback(before)
    assert reader.get("e1").title == "E 1"
    reader.compact()
    assert list(reader.verify()) == []
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda name: _write(name, storage), "abc"))
    reader.refresh()
    assert reader.count() == 11
    assert list(reader.verify()) == []


def _write(name: str, storage: dict[str, str]) -> None:
    base = KnowledgeBase.open(PLACE, storage)
    for i in range(2):
        base.upsert([Entry(f"{name}{i}", name)])


def test_the_environment_says_how_to_reach_storage(storage: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in storage.items():
        monkeypatch.setenv(f"AWS_{name.upper().removeprefix('AWS_')}", value)
    base = KnowledgeBase.create("s3://bucket/other")
    base.upsert([Entry("e", "E")])
    assert KnowledgeBase.open("s3://bucket/other").get("e").title == "E"
    with pytest.raises(PathError, match="already"):
        KnowledgeBase.create("s3://bucket/other")
