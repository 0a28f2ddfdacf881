"""A page and a JSON API for single radiographs, until it is interrupted."""

import ipaddress
import socket
from contextlib import suppress
from importlib.util import find_spec

from rich.console import Console

from pneumo.config import Config, Serve
from pneumo.errors import UserError
from pneumo.files import printable
from pneumo.inference.bundle import Bundle
from pneumo.inference.predictor import Predictor
from pneumo.registry import Registry


def run(config: Config, console: Console, model: str) -> None:
    """Serve until Ctrl-C.

    Raises:
        UserError: the port is taken, the extra `serve` is not installed, or there is no such model.
    """
    for library in ("fastapi", "uvicorn"):
        if find_spec(library) is None:
            raise UserError(f"{library} is not installed: pip install 'pneumo[serve]'")
    # Bound before the model is loaded, which takes seconds.
    with _bind(config.serve) as bound:
        _serve(config, model, bound, console)


def _serve(config: Config, model: str, bound: socket.socket, console: Console) -> None:
    from pneumo.inference.serving.app import create_app, create_server  # noqa: PLC0415 - imports the extra `serve`
    from pneumo.inference.serving.card import ModelCard  # noqa: PLC0415

    predictor = Predictor.load(model, registry=config.registry, referral=config.referral, dicom=config.cohort.dicom)
    specification, record = predictor.specification, None
    if not isinstance(specification, Bundle):
        registry = Registry(config.registry)
        record = registry.registered_record(registry.get(specification.version))
    app = create_app(predictor, config.serve, config.lots, ModelCard.of(specification, record))
    _announce(config.serve, bound, predictor, console)
    # Uvicorn ends its work first, and then raises the interrupt again.
    with suppress(KeyboardInterrupt):
        create_server(app).run(sockets=[bound])
    console.print("Stopped.")


def _bind(settings: Serve) -> socket.socket:
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((settings.host, settings.port), family=family, backlog=256)
    except OSError as error:
        address = f"{printable(settings.host)}, port {settings.port}"
        reason = error.strerror or str(error)
        raise UserError(f"cannot listen on {address}: {reason}; set serve.host or serve.port") from error


def _announce(settings: Serve, bound: socket.socket, predictor: Predictor, console: Console) -> None:
    host, port = bound.getsockname()[:2]
    console.print(predictor.specification.heading, markup=False)
    if not ipaddress.ip_address(host.split("%")[0]).is_loopback:
        console.print(f"Note: other computers can reach {settings.host}. There is no login and no encryption.", markup=False)
    console.print(f"Open http://{f'[{host}]' if ':' in host else host}:{port} – press Ctrl-C to stop.", markup=False)
