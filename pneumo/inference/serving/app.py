"""The application: a page and a JSON API for single radiographs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import unquote

import numpy as np
import uvicorn
from fastapi import FastAPI, Header, HTTPException, Query, Request, Response, status
from pydantic import BaseModel, Field

from pneumo import __version__, config
from pneumo.config import ExplanationMethod
from pneumo.files import printable
from pneumo.inference.predictor import BATCH_SIZE, Prediction, Predictor
from pneumo.inference.prepare import Prepared
from pneumo.inference.serving.batching import Batcher
from pneumo.inference.serving.card import ModelCard, PredictiveValues
from pneumo.inference.serving.heatmaps import Heatmap, Kept, KeptRadiographs, heatmap_drawer, methods
from pneumo.inference.serving.security import Guard, TimedProtocol
from pneumo.inference.serving.uploads import BODY_SECONDS, Uploads
from pneumo.inference.serving.worker import Decoded, DecoderCrashError, DecodingPool, TimeLimitError

if TYPE_CHECKING:
    from pneumo.explain.activations import Label

STATIC = Path(__file__).parent / "static"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
SCORING_SECONDS = 60
"""For waiting, scoring and heatmaps, besides the times for arrival and decoding."""
_NAME_LENGTH = 200
_UPLOAD = {
    "requestBody": {
        "required": True,
        "description": "The file itself: JPEG, PNG or DICOM.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_PREDICT_PROBLEMS: dict[int | str, dict[str, Any]] = {
    408: {"description": "The file did not arrive in time."},
    413: {"description": "The file is too large."},
    415: {"description": "A form, or a compressed body, instead of the file itself."},
    422: {"description": "No radiograph that can be read."},
    503: {"description": "Too many requests at once."},
    504: {"description": "Decoding took too long."},
}
_NOT_KEPT: dict[int | str, dict[str, Any]] = {404: {"description": "No longer in memory."}}
_NO_HEATMAP: dict[int | str, dict[str, Any]] = {409: {"description": "Refused, or the model has no heatmaps."}}
_NO_SCORES: dict[int | str, dict[str, Any]] = {409: {"description": "Sensitivity and specificity are not known."}}
_PNG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}}, "description": "PNG."}}


class Answer(BaseModel):
    """What the model says of one radiograph."""

    name: str = Field(description="Of the file, or a part of its hash where the name identifies the patient.")
    sha256: str = Field(description="Of the file.")
    decision: Literal["NORMAL", "PNEUMONIA", "referred", "refused"]
    reason: str = Field(description="Why it was referred or refused; else empty.")
    probability: float | None = Field(description="Of PNEUMONIA, temperature-scaled, 0..1; none where it was refused.")
    threshold: float = Field(description="PNEUMONIA at this probability or more.")
    model: str
    model_sha256: str
    synthetic: bool = Field(description="Trained on phantoms: this says nothing about patients.")
    radiograph: str | None = Field(None, description="Token by which its picture and heatmaps can be asked for.")
    picture_size: tuple[int, int] | None = Field(None, description="Width and height in pixels; none without a picture.")
    explained: Literal["NORMAL", "PNEUMONIA"] | None = Field(None, description="Class that heatmaps explain.")


class Description(BaseModel):
    """The served model, and what the server offers."""

    card: ModelCard
    heatmap_methods: tuple[ExplanationMethod, ...]
    max_upload_mib: int
    software: str


class Health(BaseModel):
    """State of the server."""

    status: Literal["ok"] = "ok"
    model: str


class Service:
    """The model behind the application, with the processes and threads that work for it."""

    def __init__(self, predictor: Predictor, settings: config.Serve, lots: config.Lots, card: ModelCard) -> None:
        self.card, self.predictor = card, predictor
        self.uploads = Uploads(settings.max_upload_mib * 2**20)
        self.kept = KeptRadiographs()
        self.pool = DecodingPool(predictor.preparation, settings.workers, settings.decode_seconds)
        self._decide: Batcher[Prepared, Prediction] = Batcher(predictor.decide, BATCH_SIZE)
        self._heatmaps: Batcher[tuple[Kept, ExplanationMethod], Heatmap] | None = None
        if methods(predictor):
            draw = heatmap_drawer(predictor, lots)
            self._heatmaps = Batcher(lambda wanted: [draw(one) for one in wanted], 1)
        size = predictor.specification.image_size_px
        # The first call is slow.
        predictor.network(np.zeros((1, size, size), np.uint8))

    def close(self) -> None:
        """End processes and threads."""
        self.pool.close()
        self._decide.close()
        if self._heatmaps is not None:
            self._heatmaps.close()

    async def predict(self, content: bytes, name: str, *, keep: bool) -> Answer:
        """Decode an upload and decide.

        Raises:
            HTTPException: 422 where it is no radiograph, 504 where decoding takes too long.
        """
        try:
            decoded = await self.pool.decode(content, name, with_picture=keep)
        except TimeLimitError as error:
            raise HTTPException(status.HTTP_504_GATEWAY_TIMEOUT, str(error)) from error
        except DecoderCrashError as error:
            raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, str(error)) from error
        if not decoded.readable:
            raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, decoded.prepared.refusal)
        return self._answer(await self._decide(decoded.prepared), decoded, keep=keep)

    async def heatmap(self, kept: Kept, method: ExplanationMethod) -> Heatmap:
        """Draw a heatmap.

        Raises:
            HTTPException: 409 where the radiograph was refused, or the model has no heatmaps.
        """
        if self._heatmaps is None:
            raise HTTPException(status.HTTP_409_CONFLICT, "heatmaps need a registered model, or a bundle in the format keras")
        if kept.explained is None:
            raise HTTPException(status.HTTP_409_CONFLICT, "the radiograph was refused: there is no decision to explain")
        return await self._heatmaps((kept, method))

    def _answer(self, prediction: Prediction, decoded: Decoded, *, keep: bool) -> Answer:
        refused, explained = prediction.decision == "refused", self._explained(prediction)
        answer = Answer(
            name=prediction.path,
            sha256=prediction.sha256,
            decision=prediction.decision,
            reason=prediction.reason,
            # The network has a number for everything; for what it was not made for, it means nothing.
            probability=None if refused else prediction.probability,
            threshold=prediction.threshold,
            model=self.card.name,
            model_sha256=self.card.model_sha256,
            synthetic=self.card.synthetic,
            explained=explained,
        )
        if keep and decoded.picture is not None:
            kept = Kept(decoded.picture, decoded.picture_size, decoded.prepared.pixels, explained)
            answer.radiograph, answer.picture_size = self.kept.keep(kept), decoded.picture_size
        return answer

    def _explained(self, prediction: Prediction) -> "Label | None":
        """Class of a prediction, also where it is referred; None where it is refused."""
        if prediction.decision == "refused" or prediction.score is None:
            return None
        return "PNEUMONIA" if prediction.score >= self.predictor.specification.threshold else "NORMAL"


def create_app(predictor: Predictor, settings: config.Serve, lots: config.Lots, card: ModelCard) -> FastAPI:
    """Make the application; its processes start with it and end with it."""

    @asynccontextmanager
    async def lifespan(application: FastAPI) -> AsyncIterator[None]:
        service = Service(predictor, settings, lots, card)
        application.state.service = service
        try:
            yield
        finally:
            service.close()

    app = FastAPI(
        title="pneumo",
        summary="Pneumonia on chest radiographs. For research; not a medical device.",
        version=__version__,
        lifespan=lifespan,
        # FastAPI's own pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(
        Guard, allowed_hosts=settings.allowed_hosts, seconds=BODY_SECONDS + settings.decode_seconds + SCORING_SECONDS
    )
    _add_pages(app)
    _add_model(
        app,
        Description(
            card=card, heatmap_methods=methods(predictor), max_upload_mib=settings.max_upload_mib, software=f"pneumo {__version__}"
        ),
    )
    _add_predictions(app)
    return app


def create_server(app: FastAPI) -> uvicorn.Server:
    """Make the server of an application; no request is logged, because names of files may identify patients."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=TimedProtocol,
            ws="none",
            access_log=False,
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=5,
        )
    )


def _service(request: Request) -> Service:
    service = request.app.state.service
    assert isinstance(service, Service)  # noqa: S101 - for the type checker
    return service


def _add_pages(app: FastAPI) -> None:
    """Serve the page, its parts and the page of the API, read once: no path of a request reaches the file system."""
    contents = {file.name: Response(file.read_bytes(), media_type=TYPES[file.suffix]) for file in STATIC.iterdir()}

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return contents["index.html"]

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return contents["docs.html"]

    @app.get("/static/{name}", include_in_schema=False)
    async def static(name: str) -> Response:
        if name not in contents:
            raise HTTPException(status.HTTP_404_NOT_FOUND)
        return contents[name]


def _add_model(app: FastAPI, description: Description) -> None:
    @app.get("/health")
    async def health() -> Health:
        """Tell that the server answers, and with which model."""
        return Health(model=description.card.name)

    @app.get("/api/model")
    async def model() -> Description:
        """Describe the served model, and what the server offers."""
        return description

    @app.get("/api/model/predictive-values", responses=_NO_SCORES)
    async def predictive_values(
        prevalence: Annotated[float, Query(gt=0, lt=1, description="Share with pneumonia, 0..1.")],
    ) -> PredictiveValues:
        """Tell what decisions mean where pneumonia has this prevalence, by Bayes' rule from the scores on test."""
        test = description.card.test
        if test is None or test.sensitivity is None or test.specificity is None:
            raise HTTPException(status.HTTP_409_CONFLICT, "sensitivity and specificity of this model are not known")
        return PredictiveValues.at(prevalence, test.sensitivity, test.specificity)


def _add_predictions(app: FastAPI) -> None:
    @app.post("/api/predict", openapi_extra=_UPLOAD, responses=_PREDICT_PROBLEMS)
    async def predict(
        request: Request,
        keep: Annotated[bool, Query(description="Keep it in memory for ten minutes, for its picture and heatmaps.")] = False,
        x_file_name: Annotated[str, Header(description="Name of the file, percent-encoded, to be shown back.")] = "",
    ) -> Answer:
        """Decide about one radiograph. Refused ones are answered with status 200 and the reason; other files with 422."""
        service = _service(request)
        with service.uploads.admit() as upload:
            return await service.predict(await upload.read(request), printable(unquote(x_file_name))[:_NAME_LENGTH], keep=keep)

    @app.get("/api/radiographs/{token}/picture", response_class=Response, responses=_PNG | _NOT_KEPT)
    async def picture(request: Request, token: str) -> Response:
        """Return a kept radiograph as an 8-bit PNG."""
        return Response(_kept(request, token).picture, media_type="image/png")

    @app.get(
        "/api/radiographs/{token}/heatmap",
        response_class=Response,
        responses=_PNG | _NOT_KEPT | _NO_HEATMAP,
    )
    async def heatmap(request: Request, token: str, method: ExplanationMethod = "grad-cam") -> Response:
        """Return a heatmap of a kept radiograph as a PNG, to be laid over its picture.

        `X-Heatmap-Empty: true` where nothing in the radiograph is evidence of the class.
        """
        drawn = await _service(request).heatmap(_kept(request, token), method)
        return Response(drawn.png, media_type="image/png", headers={"X-Heatmap-Empty": str(drawn.empty).lower()})


def _kept(request: Request, token: str) -> Kept:
    kept = _service(request).kept.get(token)
    if kept is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "no longer in memory: choose the file again")
    return kept
