import pytest
from starlette.testclient import TestClient

from palitra.service.api.app import create_app
from palitra.service.api.rates import Buckets
from palitra.service.settings import Settings
from tests.service.api.test_files import picture


def small(folder, **change):
    values = {"rate": 0.01, "rate_burst": 5, "rate_addresses": 2, "trusted_hosts": ("testserver",)}
    return Settings(folder=folder, **{**values, **change})


def test_a_bucket_gives_its_burst_and_then_its_rate():
    now = [0.0]
    buckets = Buckets(2, 3, now=lambda: now[0])
    assert [buckets.take("a").left for _ in range(3)] == [2, 1, 0]
    refused = buckets.take("a")
    assert (refused.left, refused.wait_s) == (0, 0.5)
    assert buckets.take("b").wait_s == 0
    now[0] = 0.5
    assert buckets.take("a").wait_s == 0
    assert buckets.take("a").wait_s == 0.5
    now[0] = 1e6
    assert buckets.take("a").left == 2


def test_buckets_take_bounded_memory():
    buckets = Buckets(1, 1, most=10)
    for i in range(1000):
        buckets.take(str(i))
    assert len(buckets) == 10


def test_over_the_rate_the_answer_says_when_to_come_back(tmp_path):
    with TestClient(create_app(small(tmp_path))) as client:
        client.get("/healthz")
        answers = [client.get("/v1/recipes") for _ in range(6)]
        assert [a.status_code for a in answers] == [200] * 5 + [429]
        assert [a.headers["ratelimit"] for a in answers[:2]] == ['"requests";r=4', '"requests";r=3']
        assert answers[0].headers["ratelimit-policy"] == '"requests";q=5;w=500'
        refused = answers[-1]
        assert refused.json()["code"] == "too_many"
        assert 1 <= int(refused.headers["retry-after"]) <= 100
        assert refused.headers["x-content-type-options"] == "nosniff"
        russian = client.get("/v1/recipes", headers={"accept-language": "ru"}).json()
        assert russian["title"] == "Слишком много запросов"
        assert russian["detail"].startswith("`requests`: не больше 0.01 в секунду")
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 503


def test_new_sessions_and_keys_are_no_way_around(tmp_path):
    with TestClient(create_app(small(tmp_path))) as client:
        codes = []
        for i in range(12):
            client.cookies.clear()
            headers = {"authorization": f"Bearer {i}"} if i % 2 else {}
            codes.append(client.get("/v1/recipes", headers=headers).status_code)
    assert codes == [200] * 10 + [429] * 2


def test_one_address_does_not_slow_down_another(tmp_path):
    app = create_app(small(tmp_path))
    with TestClient(app, client=("192.0.2.1", 1)) as client:
        assert [client.get("/v1/recipes").status_code for _ in range(12)][-1] == 429
        other = TestClient(app, client=("192.0.2.2", 1))
        assert other.get("/v1/recipes").status_code == 200
        v6 = [TestClient(app, client=(f"2001:db8::{i:x}", 1)).get("/v1/recipes") for i in range(12)]
        assert [a.status_code for a in v6] == [200] * 10 + [429] * 2


def test_uploads_are_counted_by_the_hour(tmp_path):
    settings = small(tmp_path, rate=100, rate_burst=100, uploads_per_hour=2)
    with TestClient(create_app(settings)) as client:
        client.get("/healthz")
        codes = [client.post("/v1/files", files={"file": ("a.png", picture())}) for _ in range(3)]
        assert [a.status_code for a in codes] == [201, 201, 429]
        assert int(codes[-1].headers["retry-after"]) > 1000
        assert client.get("/v1/recipes").status_code == 200


@pytest.mark.parametrize("off", [{"rate": 0, "uploads_per_hour": 0}])
def test_bounds_can_be_turned_off(tmp_path, off):
    with TestClient(create_app(small(tmp_path, **off))) as client:
        assert {client.get("/v1/recipes").status_code for _ in range(30)} == {200}
        assert client.post("/v1/files", files={"file": ("a.png", picture())}).status_code == 201


def test_the_default_bears_a_page_with_two_hundred_streams():
    settings = Settings()
    assert settings.rate_burst >= 2 * 200
    assert settings.rate >= 20
