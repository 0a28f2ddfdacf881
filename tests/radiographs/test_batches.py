import numpy as np
import pytest

from pneumo.config import Augmentation
from pneumo.radiographs.batches import evaluation_batches, training_batches, view_batches

NONE = Augmentation(rotation_degrees=0, shift_fraction=0, shear_degrees=0, zoom_fraction=0, horizontal_flip=False)


@pytest.fixture
def pixels(tmp_path):
    """Twenty images whose pixels are their row number, memory-mapped."""
    np.save(tmp_path / "pixels.npy", np.arange(20, dtype=np.uint8)[:, None, None] * np.ones((20, 8, 8), np.uint8))
    return np.load(tmp_path / "pixels.npy", mmap_mode="r")


def read(batches):
    return [(images.numpy(), labels.numpy()) for images, labels, *_ in batches]


def training(pixels, rows, epochs, augmentation=NONE, seed=0):
    return read(
        training_batches(
            pixels, rows, np.asarray(rows) % 2, augmentation=augmentation, batch_size=4, epochs=range(*epochs), seed=seed
        )
    )


def test_an_epoch_contains_every_row_once_with_its_label(pixels):
    rows = np.arange(3, 17)
    batches = training(pixels, rows, (0, 1))
    shown = np.concatenate([images[:, 0, 0, 0] for images, _ in batches])
    assert [len(images) for images, _ in batches] == [4, 4, 4, 2]
    assert batches[0][0].shape == (4, 8, 8, 1)
    assert batches[0][1].shape == (4, 1)
    assert sorted(shown) == list(rows)
    assert list(shown) != list(rows)
    np.testing.assert_array_equal(np.concatenate([labels[:, 0] for _, labels in batches]), shown % 2)


def test_epochs_differ_and_a_resumed_run_gets_the_batches_of_an_uninterrupted_one(pixels):
    rows = np.arange(20)
    whole = training(pixels, rows, (0, 3), Augmentation())
    assert not np.array_equal(whole[0][0], whole[5][0])
    for (images, labels), (again, labels_again) in zip(whole[10:], training(pixels, rows, (2, 3), Augmentation()), strict=True):
        np.testing.assert_array_equal(images, again)
        np.testing.assert_array_equal(labels, labels_again)


def test_the_order_depends_on_the_seed(pixels):
    rows = np.arange(20)
    first = np.concatenate([images[:, 0, 0, 0] for images, _ in training(pixels, rows, (0, 1))])
    other = np.concatenate([images[:, 0, 0, 0] for images, _ in training(pixels, rows, (0, 1), seed=1)])
    assert list(first) != list(other)


def test_evaluation_batches_contain_the_images_unchanged_and_in_order(pixels):
    rows = np.array([5, 2, 11, 7, 19])
    batches = read(evaluation_batches(pixels, rows, rows % 2, batch_size=2))
    np.testing.assert_array_equal(np.concatenate([images for images, _ in batches])[..., 0], pixels[rows])
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in batches])[:, 0], rows % 2)


def test_sample_weights_follow_the_class_weights_and_are_one_without(pixels):
    rows = np.array([5, 2, 11, 7])
    weighted = evaluation_batches(pixels, rows, rows % 2, batch_size=4, class_weight={0: 3.0, 1: 0.5})
    plain = evaluation_batches(pixels, rows, rows % 2, batch_size=4)
    np.testing.assert_array_equal(next(iter(weighted))[2], [0.5, 3.0, 0.5, 0.5])
    np.testing.assert_array_equal(next(iter(plain))[2], [1, 1, 1, 1])


def test_views_contain_every_image_in_order_differ_from_each_other_and_are_reproducible(pixels):
    rows = np.array([5, 2, 11, 7, 19])

    def view(number, augmentation):
        batches = view_batches(pixels, rows, augmentation=augmentation, view=number, seed=0, batch_size=2)
        return np.concatenate(list(batches.as_numpy_iterator()))

    np.testing.assert_array_equal(view(0, NONE)[..., 0], pixels[rows])
    brighter = NONE.model_copy(update={"brightness_fraction": 0.2})
    np.testing.assert_array_equal(view(0, brighter), view(0, brighter))
    changes = view(0, brighter)[:, 0, 0, 0] - pixels[rows][:, 0, 0]
    assert len(set(changes.tolist())) == 5
    assert not np.array_equal(view(0, brighter), view(1, brighter))
