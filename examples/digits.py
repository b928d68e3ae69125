"""Train digit classifiers in several ways and record all of it: `python examples/digits.py`.

The address of the server is PODIUM_TRACKING_URI, as in http://127.0.0.1:5080.
"""

from __future__ import annotations

import pickle
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from podium import client
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import ConfusionMatrixDisplay, accuracy_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

EPOCHS, BATCH = 40, 64
CLASSES = np.arange(10)
TRIALS: list[tuple[str, type, dict[str, Any]]] = [
    ("linear", SGDClassifier, {"alpha": 1e-4}),
    ("linear-regularised", SGDClassifier, {"alpha": 1e-2}),
    ("mlp-small", MLPClassifier, {"hidden_layer_sizes": (16,), "learning_rate_init": 1e-3}),
    ("mlp-wide", MLPClassifier, {"hidden_layer_sizes": (128,), "learning_rate_init": 1e-3}),
    ("mlp-deep-eager", MLPClassifier, {"hidden_layer_sizes": (64, 64), "learning_rate_init": 1e-2}),
]

images, digits = load_digits(return_X_y=True)
train_x, valid_x, train_y, valid_y = train_test_split(images / 16, digits, random_state=0)


def main() -> None:
    with client.start_run("sweep", experiment="digits") as sweep:
        client.log_params({"epochs": EPOCHS, "batch_size": BATCH, "trials": len(TRIALS)})
        found = [(name, *train(name, kind, settings)) for name, kind, settings in TRIALS]
        best, accuracy, version = max(found, key=lambda each: each[1])
        client.log_metric("validation/accuracy", accuracy)
        client.set_tag("best", best)
    client.set_alias("digits", "champion", version)
    client.transition("digits", version, "Staging", archive_existing=True)
    print(f"\nAll runs:  {sweep.experiment_url}\nThe sweep: {sweep.url}")
    print(f"The best:  digits, version {version}, is in Staging")


def train(name: str, kind: type, settings: dict[str, Any]) -> tuple[float, int]:
    """One run: the accuracy it reached, and the version its model was registered as."""
    model = kind(
        random_state=0, **settings, **({"loss": "log_loss"} if kind is SGDClassifier else {})
    )
    with client.start_run(name, nested=True, tags={"data": "sklearn digits"}) as run:
        client.log_params({"model": kind.__name__, **settings})
        accuracy = 0.0
        for epoch in range(EPOCHS):
            one_epoch(model, epoch)
            accuracy = evaluate(model, "validation", valid_x, valid_y, epoch)
            evaluate(model, "train", train_x, train_y, epoch)
        client.log_figure(confusion(model, name), "confusion.png")
        save(model)
        registered = client.register_model(
            "digits", description=f"{name}, {accuracy:.1%} right", tags={"data": "sklearn digits"}
        )
        print(f"{name:<20} {accuracy:6.1%}   {run.url}")
    return accuracy, registered.version


def one_epoch(model: Any, epoch: int) -> None:
    order = np.random.default_rng(epoch).permutation(len(train_x))
    for batch in np.array_split(order, len(order) // BATCH):
        model.partial_fit(train_x[batch], train_y[batch], classes=CLASSES)


def evaluate(model: Any, part: str, x: Any, y: Any, epoch: int) -> float:
    probabilities = model.predict_proba(x)
    accuracy = accuracy_score(y, probabilities.argmax(axis=1))
    loss = log_loss(y, probabilities, labels=CLASSES)
    client.log_metrics({f"{part}/accuracy": accuracy, f"{part}/loss": loss}, epoch)
    return float(accuracy)


def confusion(model: Any, name: str) -> Figure:
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    ConfusionMatrixDisplay.from_predictions(
        valid_y, model.predict(valid_x), ax=axes, colorbar=False, cmap="Blues"
    )
    axes.set_title(name)
    return figure


def save(model: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.pkl")
        path.write_bytes(pickle.dumps(model))
        client.log_artifact(path, "model")


if __name__ == "__main__":
    main()
