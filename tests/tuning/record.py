"""Records a study for the test of racing: `python -m tests.tuning.record`.

A hundred settings of the small market, drawn at random, each on all paths.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from sim.engines.outcome import BAD_DEBT, SHORTFALL
from tests.tuning.small import tuner

SETTINGS, PATHS = 100, 200


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
    losses = [[o[:, BAD_DEBT] + o[:, SHORTFALL] for o in one.outcomes] for one in samples]
    np.savez_compressed(
        Path(__file__).with_name("recorded.npz"),
        borrowed=np.array([one.borrowed for one in samples]),
        losses=(np.array(losses) * 1e-8).astype(np.float32),
    )


if __name__ == "__main__":
    main()
