"""A running server: Uvicorn in a thread, with its decoding process."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from pneumo import config
from pneumo.inference.predictor import Predictor
from pneumo.inference.serving.app import Service, create_app, create_server
from pneumo.inference.serving.card import ModelCard, TestScores
from pneumo.inference.specification import Specification

OCTETS = {"Content-Type": "application/octet-stream"}


class Response(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)


class RunningServer:
    def __init__(self, port: int, service: Service) -> None:
        self.port, self.service = port, service
        self.address = f"http://127.0.0.1:{port}"

    def request(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Response:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Response(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Response:
        return self.request("GET", path, headers=headers)

    def predict(self, content: bytes, query: str = "", **headers: str) -> Response:
        return self.request("POST", f"/api/predict{query}", content, OCTETS | headers)


def card_of(specification: Specification, sensitivity: float = 0.9, specificity: float = 0.8) -> ModelCard:
    card = ModelCard.of(specification, None)
    card.test = TestScores(sensitivity=sensitivity, specificity=specificity, auroc=0.95, pneumonia=40, normal=20)
    return card


@contextmanager
def serving(predictor: Predictor, **settings: Any) -> Iterator[RunningServer]:
    serve = config.Serve(**{"workers": 1} | settings)
    app = create_app(predictor, serve, config.Lots(steps=2), card_of(predictor.specification))
    server = create_server(app)
    with socket.create_server(("127.0.0.1", 0)) as bound:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.02)
        yield RunningServer(bound.getsockname()[1], app.state.service)
        server.should_exit = True
        thread.join()
