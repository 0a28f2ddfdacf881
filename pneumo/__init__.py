"""Pneumonia on chest radiographs: from a folder of radiographs to trained, explained and registered classifiers and a report."""

import os

__version__ = "0.1.0"

# TensorFlow reads this when it is imported; by default it leaves oneDNN off on processors without AVX512-VNNI. Set here and not in
# the command line, so that worker processes compute in the same way.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
