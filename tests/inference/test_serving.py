import asyncio
import io
import logging
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from pneumo.config import Cnn, Config
from pneumo.errors import UserError
from pneumo.inference.loading import Loaded
from pneumo.inference.network import KerasNetwork
from pneumo.inference.predictor import Predictor
from pneumo.inference.serving import heatmaps
from pneumo.inference.serving.app import STATIC
from pneumo.inference.serving.batching import Batcher
from pneumo.inference.serving.card import PredictiveValues
from pneumo.inference.serving.heatmaps import Kept, KeptRadiographs
from pneumo.inference.serving.security import TimedProtocol
from pneumo.inference.serving.uploads import MOST_AT_ONCE
from pneumo.inference.serving.worker import DecodingPool, TimeLimitError
from pneumo.stages import serve
from tests.dicom_files import chest_like, content, dataset
from tests.inference.predictors import specification, tiny_predictor
from tests.inference.running_server import RunningServer, serving

MIB = 2**20


@pytest.fixture(scope="module")
def server():
    with serving(tiny_predictor(), max_upload_mib=1) as running:
        yield running


def raster(kind="PNG", width=160, height=128):
    image = Image.fromarray((chest_like(width, height) // 16).astype(np.uint8))
    with io.BytesIO() as stream:
        image.save(stream, kind)
        return stream.getvalue()


def dicom(**elements):
    return content(dataset(chest_like(), **{"ViewPosition": "PA"} | elements))


def preparation():
    return tiny_predictor().preparation


@pytest.mark.parametrize("upload", [raster("PNG"), raster("JPEG"), dicom()], ids=["PNG", "JPEG", "DICOM"])
def test_a_radiograph_is_decided_as_by_the_predictor(server, upload):
    answer = server.predict(upload, **{"X-File-Name": "a%20%C3%A9.png"})
    predictor = server.service.predictor
    (expected,) = predictor.decide([predictor.prepare(upload, "a é.png")])
    assert answer.status == 200
    assert answer.json["name"] == "a é.png"
    assert answer.json["probability"] == pytest.approx(expected.probability)
    assert answer.json["decision"] == expected.decision
    assert answer.json["threshold"] == pytest.approx(expected.threshold)
    assert answer.json["radiograph"] is None, "nothing is kept unless it is asked for"


def test_a_radiograph_of_another_view_is_refused_without_a_probability(server):
    answer = server.predict(dicom(ViewPosition="LL"), "?keep=true")
    assert answer.status == 200
    assert answer.json["decision"] == "refused"
    assert "lateral" in answer.json["reason"]
    assert answer.json["probability"] is None
    assert server.get(f"/api/radiographs/{answer.json['radiograph']}/picture").status == 200


def test_what_the_detector_refuses_has_no_probability_and_no_heatmap():
    class RefuseAll:
        def refuses(self, pixels):
            return np.ones(len(pixels), bool)

    with serving(tiny_predictor(RefuseAll())) as running:
        answer = running.predict(raster(), "?keep=true").json
    assert (answer["decision"], answer["probability"], answer["explained"]) == ("refused", None, None)


def test_the_name_of_a_dicom_file_that_identifies_the_patient_is_not_shown(server):
    answer = server.predict(dicom(PatientName="Doe^Jane", PatientID="P123456"), **{"X-File-Name": "Doe-Jane.dcm"})
    assert answer.json["name"].startswith("dicom-")


@pytest.mark.parametrize(
    ("upload", "headers", "status"),
    [
        (b"", {}, 422),
        (b"%PDF-1.7 no radiograph", {}, 422),
        (raster("JPEG")[:900], {}, 422),
        (dicom()[:5000], {}, 422),
        (bytes(MIB + 1), {}, 413),
        (bytes(5 * MIB), {}, 413),
        (raster(), {"Content-Type": "multipart/form-data; boundary=x"}, 415),
        (raster(), {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        (raster(), {"Content-Encoding": "gzip"}, 415),
        (raster(), {"X-File-Name": "..%2F..%2Fetc%2Fpasswd%00%0A"}, 200),
        (raster(), {"X-File-Name": "%ff%fe" * 500}, 200),
    ],
)
def test_uploads_have_clear_status_codes(server, upload, headers, status):
    answer = server.predict(upload, **headers)
    assert answer.status == status
    if status != 200:
        assert answer.json["detail"]


def test_a_large_upload_that_waits_is_told_before_it_is_sent(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(
            b"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 104857600\r\n\r\n"
        )
        assert connection.recv(4096).startswith(b"HTTP/1.1 413")


def test_other_paths_and_methods(server):
    assert server.get("/static/..%2fapp.py").status == 404
    assert server.get("/static/app.py").status == 404
    assert server.get("/api/predict").status == 405
    assert server.request("OPTIONS", "/api/predict", headers={"Origin": server.address}).status == 405
    assert server.get("/api/radiographs/nothing/picture").status == 404
    assert server.get("/health").json == {"status": "ok", "model": "tiny v3"}
    assert set(server.get("/openapi.json").json["paths"]) >= {"/api/predict", "/api/model", "/health"}


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:8000", "[::1]:8000", "localhost."])
def test_own_hosts_are_answered(server, host):
    assert server.get("/health", Host=host).status == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "evil.example:8000", "[", "", "localhost@evil.example"])
def test_other_hosts_are_not(server, host):
    assert server.get("/health", Host=host).status == 421


def test_a_named_host_is_answered():
    with serving(tiny_predictor(), allowed_hosts=("Rad.Example",)) as running:
        assert running.get("/health", Host="rad.example:8000").status == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:1"])
def test_pages_of_other_sites_are_refused(server, origin):
    assert server.predict(raster(), Origin=origin).status == 403


@pytest.mark.parametrize("path", ["/", "/docs", "/static/page.js", "/api/model", "/nowhere", "/openapi.json"])
def test_every_response_has_the_security_headers(server, path):
    for headers in ({}, {"Host": "evil.example"}):
        received = server.get(path, **headers).headers
        assert received["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
        assert "unsafe" not in received["Content-Security-Policy"]
        assert (received["X-Content-Type-Options"], received["Referrer-Policy"]) == ("nosniff", "no-referrer")
        assert received["Cache-Control"] == "no-store"
        assert received["Access-Control-Allow-Origin"] is None
        assert received["Server"] is None


def test_the_page_loads_nothing_from_elsewhere_and_has_no_inline_code():
    for file in STATIC.iterdir():
        text = file.read_text().replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert "http://" not in text
        assert "https://" not in text
        if file.suffix == ".html":
            assert "<style" not in text
            assert " style=" not in text
            assert " on" + "click=" not in text
            assert text.count("<script") == text.count('<script src="/static/')


def test_what_decisions_mean_at_a_prevalence(server):
    values = PredictiveValues.at(0.1, 0.9, 0.8)
    assert values.positive == pytest.approx(0.09 / (0.09 + 0.18))
    assert values.negative == pytest.approx(0.72 / (0.72 + 0.01))
    assert PredictiveValues.at(0.5, 0.0, 1.0).positive is None
    assert server.get("/api/model/predictive-values?prevalence=0.1").json == pytest.approx(values.model_dump())
    assert server.get("/api/model/predictive-values?prevalence=1").status == 422


def test_concurrent_requests_are_scored_together():
    async def scenario():
        batches = []

        def work(items):
            batches.append(list(items))
            time.sleep(0.05)
            return [2 * item for item in items]

        batcher = Batcher(work, 4)
        results = await asyncio.gather(*(batcher(number) for number in range(9)))
        batcher.close()
        return results, batches

    results, batches = asyncio.run(scenario())
    assert results == [2 * number for number in range(9)]
    assert [len(batch) for batch in batches] == [4, 4, 1]


def test_an_error_reaches_every_request_of_its_batch_and_no_other_and_a_cancelled_one_disturbs_nobody():
    async def scenario():
        def work(items):
            if "bad" in items:
                raise ValueError("no")
            return list(items)

        batcher = Batcher(work, 2)
        tasks = [asyncio.create_task(batcher(item)) for item in ("bad", "b", "given up", "d", "e")]
        await asyncio.sleep(0)
        tasks[2].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        batcher.close()
        return results

    results = asyncio.run(scenario())
    assert [type(result).__name__ for result in results] == ["ValueError", "ValueError", "CancelledError", "str", "str"]


def test_many_clients_at_once(server):
    with ThreadPoolExecutor(16) as clients:
        answers = list(clients.map(lambda _: server.predict(raster()).json, range(48)))
    assert all(answer == answers[0] for answer in answers)


def test_too_many_uploads_are_told_to_come_back(server):
    uploads = server.service.uploads
    admitted = [uploads.admit() for _ in range(MOST_AT_ONCE)]
    for context in admitted:
        context.__enter__()
    try:
        answer = server.predict(raster())
    finally:
        for context in admitted:
            context.__exit__(None, None, None)
    assert answer.status == 503
    assert answer.headers["Retry-After"]
    assert server.predict(raster()).status == 200


def test_a_decoding_process_that_hangs_is_replaced():
    async def scenario():
        pool = DecodingPool(preparation(), 1, 2.0)
        try:
            first = await pool.decode(raster(), "a", with_picture=False)
            (hanging,) = pool.process_ids
            os.kill(hanging, signal.SIGSTOP)
            with pytest.raises(TimeLimitError, match="2 seconds"):
                await pool.decode(raster(), "b", with_picture=False)
            second = await pool.decode(raster(), "c", with_picture=False)
            assert pool.process_ids != [hanging]
            os.kill(pool.process_ids[0], signal.SIGKILL)
            while pool.process_ids:
                await asyncio.sleep(0.02)
            third = await pool.decode(raster(), "d", with_picture=False)
        finally:
            pool.close()
        assert pool.process_ids == []
        return first, second, third

    for decoded in asyncio.run(scenario()):
        assert decoded.prepared.pixels is not None


def test_a_hanging_decoder_is_answered_504():
    with serving(tiny_predictor(), decode_seconds=1) as running:
        running.predict(raster())
        os.kill(running.service.pool.process_ids[0], signal.SIGSTOP)
        assert running.predict(raster()).status == 504
        assert running.predict(raster()).status == 200


def test_a_decoding_process_has_little_memory_writes_no_file_and_needs_no_tensorflow(server):
    (process,) = server.service.pool.process_ids
    assert resource.prlimit(process, resource.RLIMIT_FSIZE) == (0, 0)
    assert resource.prlimit(process, resource.RLIMIT_CORE) == (0, 0)
    assert resource.prlimit(process, resource.RLIMIT_AS)[0] == 2048 * MIB
    code = "import sys, pneumo.inference.serving.worker; assert not {'tensorflow', 'keras', 'mlflow', 'fastapi'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_bomb_is_refused_and_the_server_goes_on(server):
    bomb = io.BytesIO()
    Image.new("L", (20_000, 20_000)).save(bomb, "PNG", compress_level=9)
    assert len(bomb.getvalue()) < MIB
    assert server.predict(bomb.getvalue()).status == 422
    assert server.predict(raster()).status == 200


def test_mutated_files_neither_crash_nor_hang_nor_log_nor_write(server, tmp_path, monkeypatch, caplog, capfd):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    caplog.set_level(logging.DEBUG)
    random = np.random.default_rng(0)
    sound, statuses = [raster("PNG"), raster("JPEG"), dicom()], Counter()
    for number in range(100):
        mutated = np.frombuffer(sound[number % 3], np.uint8).copy()
        places = random.integers(0, len(mutated), random.integers(1, 40))
        mutated[places] = random.integers(0, 256, len(places))
        upload = mutated[: random.integers(1, len(mutated))] if number % 4 == 0 else mutated
        statuses[server.predict(upload.tobytes(), "?keep=true", **{"X-File-Name": f"Doe-Jane-{number}.dcm"}).status] += 1
    assert set(statuses) <= {200, 422}
    assert statuses[422] > 20
    assert server.predict(raster()).status == 200
    assert list(tmp_path.iterdir()) == []
    written = capfd.readouterr()
    assert "Doe" not in caplog.text + written.out + written.err


def test_slow_headers_are_cut_off(server, monkeypatch):
    monkeypatch.setattr(TimedProtocol, "header_seconds", 0.5)
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        started, closed = time.monotonic(), False
        while not closed and time.monotonic() - started < 8:
            try:
                connection.sendall(b"G")
                time.sleep(0.1)
            except OSError:
                closed = True
        assert closed


def test_a_slow_body_is_answered_408(server, monkeypatch):
    monkeypatch.setattr(server.service.uploads, "body_seconds", 0.3)
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc")
        assert connection.recv(4096).startswith(b"HTTP/1.1 408")


def test_an_upload_that_is_broken_off_is_no_error_of_the_server(server, caplog):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc")
        time.sleep(0.2)
    time.sleep(0.2)
    assert server.get("/health").status == 200
    assert caplog.text == ""


def test_old_radiographs_make_room_for_new_ones(monkeypatch):
    monkeypatch.setattr(heatmaps, "KEPT_BYTES", 25)

    async def scenario():
        kept = KeptRadiographs()
        tokens = [kept.keep(Kept(bytes(10), (1, 1), None, None)) for _ in range(3)]
        return [kept.get(token) is not None for token in tokens]

    assert asyncio.run(scenario()) == [False, True, True]


def test_a_radiograph_is_forgotten_after_its_time(monkeypatch):
    monkeypatch.setattr(heatmaps, "KEPT_SECONDS", 0.01)

    async def scenario():
        kept = KeptRadiographs()
        token = kept.keep(Kept(b"", (1, 1), None, None))
        await asyncio.sleep(0.1)
        return kept.get(token)

    assert asyncio.run(scenario()) is None


@pytest.fixture(scope="module")
def keras_server():
    from pneumo.nets import cnn  # noqa: PLC0415 - seconds

    model = cnn.build(Cnn(filters=(4, 8)), 32, seed=1)
    loaded = Loaded(KerasNetwork(model), specification(image_size_px=32, resize="pad"), None)
    with serving(Predictor(loaded)) as running:
        yield running


@pytest.mark.parametrize("method", ["grad-cam", "hires-cam", "lots", "random-cam"])
def test_heatmaps_have_the_aspect_ratio_of_the_picture(keras_server, method):
    answer = keras_server.predict(raster(width=160, height=128), "?keep=true").json
    assert answer["explained"] in {"NORMAL", "PNEUMONIA"}
    assert answer["picture_size"] == [160, 128]
    received = keras_server.get(f"/api/radiographs/{answer['radiograph']}/heatmap?method={method}")
    assert received.headers["X-Heatmap-Empty"] in {"true", "false"}
    with Image.open(io.BytesIO(received.content)) as heatmap:
        assert (heatmap.mode, heatmap.size) == ("RGBA", (512, 410))


def test_no_heatmaps_of_what_was_refused_of_unknown_methods_and_of_networks_without_gradients(keras_server, server):
    def status(running: RunningServer, upload, method="grad-cam"):
        token = running.predict(upload, "?keep=true").json["radiograph"]
        return running.get(f"/api/radiographs/{token}/heatmap?method={method}").status

    assert status(keras_server, dicom(ViewPosition="LL")) == 409
    assert status(keras_server, raster(), "guess") == 422
    assert status(server, raster()) == 409
    assert server.get("/api/model").json["heatmap_methods"] == []


def test_a_port_that_is_taken_is_one_line(config: Config, console: Console):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = config.model_copy(update={"serve": config.serve.model_copy(update={"port": taken.getsockname()[1]})})
        with pytest.raises(UserError, match=r"cannot listen on 127\.0\.0\.1, port \d+: .*; set serve\.host or serve\.port"):
            serve.run(settings, console, "champion")


def test_a_missing_extra_is_one_line(config: Config, console: Console, monkeypatch):
    monkeypatch.setattr(serve, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"fastapi is not installed: pip install 'pneumo\[serve\]'"):
        serve.run(config, console, "champion")
