"""Fifty made-up trainings, the same each time."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

RUNS, STEPS = 50, 60


@dataclass(frozen=True, slots=True)
class Trial:
    """One made-up training."""

    number: int
    model: str
    learning_rate: float
    width: int
    dropout: float

    @property
    def name(self) -> str:
        return f"{self.model}-{self.number:02d}"

    @property
    def diverges(self) -> bool:
        return self.learning_rate >= 0.3

    def curve(self) -> Iterator[dict[str, float]]:
        """Loss and accuracy on both parts, step by step."""
        noise = random.Random(self.number)  # noqa: S311  (no secret)
        speed = 0.9 * self.learning_rate**0.5
        floor = 0.04 + 0.9 / self.width + 0.3 * abs(self.dropout - 0.2)
        for step in range(STEPS):
            loss = floor + (2.3 - floor) * math.exp(-speed * step)
            loss *= 1 + 0.06 * noise.uniform(-1, 1)
            validation = loss * (1.1 + step / STEPS * (0.5 - self.dropout))
            if self.diverges and step > STEPS // 3:
                loss, validation = math.nan, math.inf
            yield {
                "train/loss": loss,
                "train/accuracy": math.exp(-loss) if math.isfinite(loss) else 0.1,
                "validation/loss": validation,
                "validation/accuracy": math.exp(-validation) if math.isfinite(loss) else 0.1,
            }


def trials() -> list[Trial]:
    choose = random.Random(7)  # noqa: S311  (no secret)
    return [
        Trial(
            number,
            choose.choice(["mlp", "cnn", "transformer"]),
            choose.choice([0.003, 0.01, 0.03, 0.1, 0.3]),
            choose.choice([16, 64, 256]),
            choose.choice([0.0, 0.2, 0.4]),
        )
        for number in range(RUNS)
    ]
