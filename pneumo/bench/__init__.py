"""How fast it is, beside the obvious alternative and the limit, measured in one run."""
