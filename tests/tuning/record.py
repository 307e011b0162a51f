"""Records a study for the test of racing: `python -m tests.tuning.record`.

A hundred settings of the small market, drawn at random, each on all paths: what was borrowed, and
of each path its loss, what liquidators took beyond what they repaid, and the revenue, in USD.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from sim.engines.outcome import LOSS, REPAID, REVENUE, SEIZED
from sim.protocol.units import USD
from tests.tuning.small import tuner

SETTINGS, PATHS = 100, 200
FILE = Path(__file__).with_name("recorded.npz")


def main() -> None:
    with TemporaryDirectory() as folder, tuner(Path(folder), paths=PATHS) as one:
        rng, space = np.random.default_rng(11), one.setup.space
        settings = [space.current]
        while len(settings) < SETTINGS:
            settings.append(
                space.values(
                    {
                        axis.path: str(rng.choice(axis.dimension.names))
                        if axis.dimension.names
                        else float(rng.random())
                        for axis in space.axes
                    }
                )
            )
        samples = one.samples(settings)
    outcomes = np.array([one.outcomes for one in samples]) * (1 / USD)
    np.savez_compressed(
        FILE,
        borrowed=np.array([one.borrowed for one in samples]),
        losses=outcomes[..., LOSS].astype(np.float32),
        taken=(outcomes[..., SEIZED] - outcomes[..., REPAID]).astype(np.float32),
        revenue=outcomes[..., REVENUE].astype(np.float32),
    )


if __name__ == "__main__":
    main()
