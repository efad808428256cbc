"""What the tests of sweeps share: toy data, a certificate, a cluster of two workers, and what must come out."""

import pytest
from clusters import EACH_LONG, Cluster, certificate, digests
from fork_server import run as run_script


@pytest.fixture(scope="module")
def data(toy_data_dir):
    return ("--data-dir", toy_data_dir)


@pytest.fixture(scope="module")
def pem(tmp_path_factory):
    return certificate(tmp_path_factory.mktemp("tls") / "sweep.pem")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, pem):
    with Cluster(tmp_path_factory.mktemp("cluster"), pem) as cluster:
        cluster.add_worker()
        cluster.add_worker()
        cluster.wait_for_workers()
        yield cluster


@pytest.fixture(scope="module")
def on_cluster(cluster):
    return ("--scheduler", cluster.address, "--tls", cluster.pem)


@pytest.fixture(scope="module")
def long(tmp_path_factory, data):
    """Return the digests of the runs of LONG, each by a command of its own that nothing disturbs."""
    folder = tmp_path_factory.mktemp("long")
    for seed in range(4):
        code, _, err = run_script(folder, "train_rnn.py", *EACH_LONG, "--seed", seed, *data, "--no-plots")
        assert (code, err) == (0, "")
    return digests(folder / "runs")
