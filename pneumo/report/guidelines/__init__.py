"""Forms of reporting guidelines, CLAIM 2024 and TRIPOD+AI, answered from records and from the documentation of the cohort."""
