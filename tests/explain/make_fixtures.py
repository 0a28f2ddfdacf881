"""Writes the fixtures of test_oracles.py: maps and metrics of one tiny network by pytorch-grad-cam and xplique.

The libraries are not dependencies of the project and cannot be installed together. Each needs its own environment:

    python -m venv maps && maps/bin/pip install grad-cam
    maps/bin/python tests/explain/make_fixtures.py maps

    python -m venv metrics && metrics/bin/pip install xplique
    metrics/bin/python tests/explain/make_fixtures.py metrics

The committed files were written with grad-cam 1.5.7 and xplique 2.0.2.
"""

import sys
from pathlib import Path

import numpy as np

FIXTURES = Path(__file__).parent / "fixtures"
SIDE_PX = 10


def network():
    """Weights of two convolutions, ReLU after each, and a dense layer, as Keras lays them out.

    No gradient is close to zero: the library adds 1e-6 to the denominator of Grad-CAM++, and this project does not.
    """
    random = np.random.default_rng(0)
    shapes = {"kernel_1": (3, 3, 1, 3), "bias_1": (3,), "kernel_2": (3, 3, 3, 4), "bias_2": (4,)}
    weights = {name: random.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}
    dense = random.uniform(0.3, 1, (6 * 6 * 4, 1)) * random.choice([-1, 1], (6 * 6 * 4, 1))
    return weights | {"dense": dense.astype(np.float32)}


def images():
    return np.random.default_rng(1).integers(0, 256, (3, SIDE_PX, SIDE_PX, 1)).astype(np.float32)


def write_maps():
    """Maps by pytorch-grad-cam of the second convolution's activation, before it scales and resizes them."""
    import torch  # noqa: PLC0415
    from pytorch_grad_cam import GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM, RandomCAM  # noqa: PLC0415

    weights = network()
    first, second = torch.nn.Conv2d(1, 3, 3), torch.nn.Conv2d(3, 4, 3)
    for layer, number in ((first, 1), (second, 2)):
        layer.weight.data = torch.tensor(weights[f"kernel_{number}"].transpose(3, 2, 0, 1))
        layer.bias.data = torch.tensor(weights[f"bias_{number}"])
    dense = torch.nn.Linear(6 * 6 * 4, 1, bias=False)
    dense.weight.data = torch.tensor(weights["dense"].reshape(6, 6, 4).transpose(2, 0, 1).reshape(1, -1))
    relu = torch.nn.ReLU()
    model = torch.nn.Sequential(first, torch.nn.ReLU(), second, relu, torch.nn.Flatten(), dense)
    inputs = torch.tensor(images().transpose(0, 3, 1, 2) / 255)
    methods = {
        "grad-cam": GradCAM,
        "grad-cam++": GradCAMPlusPlus,
        "layer-cam": LayerCAM,
        "hires-cam": HiResCAM,
        "random-cam": RandomCAM,
    }
    written = {}
    for label, sign in (("PNEUMONIA", 1), ("NORMAL", -1)):
        targets = [lambda output, sign=sign: sign * output[0]] * len(inputs)
        for name, method in methods.items():
            with method(model, [relu]) as cam:
                cam(inputs, targets)
                activations = cam.activations_and_grads.activations[0].numpy()
                gradients = cam.activations_and_grads.gradients[0].numpy()
                np.random.seed(2)  # RandomCAM draws from numpy's global generator.
                raw = cam.get_cam_image(inputs, relu, targets, activations, gradients, eigen_smooth=False)
                written[f"{label} {name}"] = np.maximum(raw, 0).astype(np.float32)
    np.random.seed(2)
    weights_drawn = np.random.uniform(-1, 1, size=(len(inputs), 4))
    np.savez_compressed(
        FIXTURES / "maps.npz", **weights, images=images(), activations=activations, random_weights=weights_drawn, **written
    )


def write_metrics():
    """Metrics by xplique of random maps without ties, image by image."""
    import tensorflow as tf  # noqa: PLC0415
    from scipy.ndimage import gaussian_filter  # noqa: PLC0415
    from xplique.metrics import AverageDropMetric, AverageIncreaseMetric, Deletion, Insertion  # noqa: PLC0415

    weights = network()

    def probabilities(inputs):
        x = tf.cast(inputs, tf.float32) / 255
        for number in (1, 2):
            x = tf.nn.relu(tf.nn.conv2d(x, weights[f"kernel_{number}"], 1, "VALID") + weights[f"bias_{number}"])
        probability = tf.sigmoid(tf.reshape(x, (len(x), -1)) @ weights["dense"])
        return tf.concat([1 - probability, probability], axis=1)

    def blurred(inputs):
        return gaussian_filter(np.asarray(inputs), 0.1 * SIDE_PX, mode="nearest", axes=(1, 2))

    radiographs = images()
    maps = np.random.default_rng(3).permuted(np.arange(3 * SIDE_PX**2).reshape(3, -1), axis=1).reshape(radiographs.shape[:3])
    maps = (maps - maps.min(axis=(1, 2), keepdims=True)).astype(np.float32)
    written = {}
    for label, one_hot in (("PNEUMONIA", [[0.0, 1.0]]), ("NORMAL", [[1.0, 0.0]])):
        metrics = {
            "average drop": AverageDropMetric,
            "average increase": AverageIncreaseMetric,
            "insertion": lambda *arguments: Insertion(*arguments, baseline_mode=blurred, steps=20),
            "deletion": lambda *arguments: Deletion(*arguments, baseline_mode=blurred, steps=20),
        }
        for name, metric in metrics.items():
            results = [
                metric(probabilities, image[None], np.array(one_hot, np.float32)).evaluate(values[None])
                for image, values in zip(radiographs, maps, strict=True)
            ]
            written[f"{label} {name}"] = np.array(results)
    np.savez_compressed(FIXTURES / "measures.npz", **weights, images=radiographs, maps=maps, **written)


if __name__ == "__main__":
    {"maps": write_maps, "metrics": write_metrics}[sys.argv[1]]()
