"""A prediction as the content of a DICOM Structured Report: a Measurement Report (PS3.16, TID 1500)."""

from collections.abc import Sequence

from highdicom import UID, sr
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from pneumo import __version__
from pneumo.inference.dicom_origin import Origin
from pneumo.inference.predictor import Prediction
from pneumo.inference.specification import Specification

_PNEUMONIA = Code("233604007", "SCT", "Pneumonia")
_PRESENCE = {"PNEUMONIA": codes.SCT.Present, "NORMAL": codes.SCT.Absent, "referred": codes.DCM.PresenceUndetermined}


def measurement_report(
    origin: Origin, prediction: Prediction, model: Specification, *, observer: UID, observation: UID, notes: Sequence[str]
) -> sr.MeasurementReport:
    """Report what a model says of a radiograph; of a refused one neither a probability nor whether there is pneumonia.

    Args:
        observer: UID of the model.
        observation: UID of what it says.
        notes: further sentences.
    """
    reason = f": {prediction.reason}" if prediction.reason else ""
    comments = [f"Decision: {prediction.decision}{reason}.", *notes]
    group = sr.MeasurementsAndQualitativeEvaluations(
        sr.TrackingIdentifier(observation, "Pneumonia"),
        finding_type=_PNEUMONIA,
        algorithm_id=_algorithm(model),
        measurements=_measurements(prediction),
        qualitative_evaluations=_evaluations(prediction),
        source_images=[sr.SourceImageForMeasurementGroup(origin.image.SOPClassUID, origin.image.SOPInstanceUID)],
    )
    # The templates are extensible.
    group[0].ContentSequence.extend(
        sr.TextContentItem(codes.DCM.Comment, comment, sr.RelationshipTypeValues.CONTAINS) for comment in comments
    )
    device = sr.DeviceObserverIdentifyingAttributes(observer, "pneumo", model_name=model.name, serial_number=model.model_sha256)
    context = sr.ObservationContext(observer_device_context=sr.ObserverContext(codes.DCM.Device, device))
    return sr.MeasurementReport(context, codes.cid100.XRUnspecifiedBodyRegion, imaging_measurements=[group])


def _algorithm(model: Specification) -> sr.AlgorithmIdentification:
    """PS3.16, TID 4019."""
    parameters = [
        f"SHA-256 of the model: {model.model_sha256}",
        f"trained on: {model.cohort}{f', adapted on: {model.adapted_on}' if model.adapted_on else ''}",
        f"pneumo {__version__}",
    ]
    return sr.AlgorithmIdentification(model.recipe, str(model.version), parameters, manufacturer="pneumo")


def _measurements(prediction: Prediction) -> list[sr.Measurement]:
    if prediction.decision == "refused" or prediction.probability is None:
        return []
    return [
        sr.Measurement(codes.DCM.Probability, prediction.probability, codes.UCUM.NoUnits),
        sr.Measurement(codes.DCM.ThresholdValue, prediction.threshold, codes.UCUM.NoUnits),
    ]


def _evaluations(prediction: Prediction) -> list[sr.QualitativeEvaluation]:
    presence = _PRESENCE.get(prediction.decision)
    return [] if presence is None else [sr.QualitativeEvaluation(codes.DCM.PresenceOfProperty, presence)]
