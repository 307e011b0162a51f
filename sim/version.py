"""The version of the package, which every result names."""

VERSION = "0.2.0"
