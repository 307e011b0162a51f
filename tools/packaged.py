"""Write what the package carries that a build makes: make packaged."""

from pathlib import Path

from sim import packaged
from sim.engines.artifacts import compiled, plain

if __name__ == "__main__":
    modules = Path(__file__).parents[1] / "node_modules"
    packaged.pack(plain(compiled()), modules / "plotly.js-basic-dist-min" / "plotly-basic.min.js")
