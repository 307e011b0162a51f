"""Values as YAML on a line, as people write them."""

from __future__ import annotations

from math import floor, log10

import yaml


def number(value: float) -> str:
    """As people write it; from a million on with an exponent."""
    if value < 1e6:
        return f"{value:.10g}"
    size = floor(log10(value))
    return f"{float(f'{value / 10**size:.12g}')!r}e+{size}"


class _Dumper(yaml.SafeDumper):
    def represent_float(self, data: float) -> yaml.ScalarNode:
        """Large numbers as people write them."""
        text = number(data) if data >= 1e6 else repr(data)
        return self.represent_scalar("tag:yaml.org,2002:float", text)


_Dumper.add_representer(float, _Dumper.represent_float)


def flow(value: object) -> str:
    """A value as YAML on one line."""
    text = yaml.dump(value, Dumper=_Dumper, default_flow_style=True, sort_keys=False, width=100_000)
    return text.removesuffix("\n").removesuffix("\n...")
