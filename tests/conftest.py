"""One thread (exact repeats, polite to a busy machine) and a fixed seed for what a test draws itself."""

import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def tiny_folders(tmp_path_factory):
    """Folders of a tiny random model and its edge predictor."""
    from tests.tiny_studio import write_tiny_studio

    return write_tiny_studio(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def studio(tiny_folders, one_thread):
    """The tiny model, loaded through the library's front door."""
    import palitra

    return palitra.load(str(tiny_folders[0]), "cpu", tiny_folders[1])
