"""Pneumonia on chest radiographs: from a folder of radiographs to trained, explained and registered classifiers and a report."""

import os

__version__ = "0.1.0"

# TensorFlow reads this once, when it is imported, and on processors without AVX512-VNNI leaves oneDNN off unless told otherwise. Set
# here and not by the command line, so that worker processes compute as the process that started them does.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
