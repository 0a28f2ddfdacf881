"""A page and a JSON API for single radiographs: nothing of an upload is written to disk or logged."""
