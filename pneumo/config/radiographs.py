"""Settings of reading radiographs."""

from pneumo.config.basics import Settings


class Dicom(Settings):
    """Which DICOM files are used as radiographs; the others are refused and counted."""

    modalities: tuple[str, ...] = ("CR", "DX", "DR", "RG", "RF", "XA", "SC", "OT")
    """Modalities (DICOM tag 0008,0060) that are accepted."""
    lateral: bool = False
    """Whether radiographs whose header says that they are lateral views are accepted."""
