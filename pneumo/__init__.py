"""Pneumonia on chest radiographs: from a folder of films to trained, explained and registered classifiers and a report."""

__version__ = "0.1.0"
