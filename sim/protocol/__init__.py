"""The twin: the contracts of `contracts/`, mirrored file by file in Python that also compiles."""
