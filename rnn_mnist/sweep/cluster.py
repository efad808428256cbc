"""The cluster that trains a sweep: processes of this machine, or what a scheduler has; checked beforehand."""

import contextlib
import logging
import re
import warnings

from rnn_mnist import files
from rnn_mnist.console import machine
from rnn_mnist.console.command import loading
from rnn_mnist.console.languages import text
from rnn_mnist.console.output import note
from rnn_mnist.console.settings import UserError
from rnn_mnist.sweep import worker

LOOPBACK = "127.0.0.1"
ADDRESS = re.compile(r"(tls|tcp)://([\w.-]+|\[[0-9a-fA-F:]+\]):[0-9]{1,5}", re.ASCII)
TIMEOUT = 10              # seconds until a scheduler counts as unreachable
JOIN_TIMEOUT = 60         # seconds until a scheduler's first worker has to be there
WORKER_BYTES = 1_500_000_000  # that a worker may need: 0.75 GB were measured, with 150 units
CURE = "pip install -e .[sweep]"
# By the engine's defaults a worker gives its heap back to the system at every turn (training took 1.07 times as long),
# looks at its own stack 100 times a second (3 % of a core), and at its event loop 50 times (1 %).
CONFIG = {"distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
          "distributed.worker.profile.enabled": False,
          "distributed.admin.tick.interval": "1s",
          "distributed.comm.timeouts.connect": TIMEOUT}


def check_engine():
    """Raise UserError unless Dask's distributed is installed."""
    if machine.version_of("distributed") is None:
        raise UserError("a sweep needs Dask's distributed, which is not installed: run '{command}'", command=CURE)
    loading("Distributed")
    try:
        import distributed  # noqa: F401
    except Exception as error:  # it reads its configuration while it is imported
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise UserError("Dask's distributed cannot be imported ({reason}): mend its configuration (~/.config/dask, "
                        "DASK_CONFIG) or, if it is sound, run '{command}'", reason=reason, command=CURE) from None


def check_address(address):
    """Raise UserError unless an address is one of a scheduler."""
    if not ADDRESS.fullmatch(address):
        raise UserError("--scheduler '{address:.60}' must be an address such as tls://HOST:8786", address=address)


def most_workers(n_runs, asked=None):
    """Return how many workers a local cluster has: one per core, unless there are fewer runs or too little memory."""
    from distributed.system import MEMORY_LIMIT
    return max(1, min(n_runs, asked or min(machine.n_cores(), MEMORY_LIMIT // WORKER_BYTES)))


@contextlib.contextmanager
def connected(address=None, tls=None, n_workers=1):
    """Give a Client of the scheduler at an address or, without one, of a cluster of n_workers processes on 127.0.0.1.

    tls: a file with the certificate and the key that all share; None: as Dask is configured. Processes of our own
    have a certificate that exists as long as they do, so that no other user of the machine reaches them. Raise
    UserError if the scheduler can't be reached or has another version.
    """
    import dask
    from distributed import Client, LocalCluster, Security
    with contextlib.ExitStack() as stack:
        logging.disable(logging.CRITICAL)  # what goes wrong is told in one line of ours, also while it is closed
        stack.enter_context(dask.config.set(CONFIG))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # another version, or that a port is taken and another one was chosen
            if address:
                client = stack.enter_context(_client(Client, Security, address, tls))
            else:
                cluster = stack.enter_context(LocalCluster(
                    n_workers=n_workers, threads_per_worker=1, host=LOOPBACK, security=Security.temporary(),
                    dashboard_address=f"{LOOPBACK}:8787", silence_logs=logging.CRITICAL))
                client = stack.enter_context(Client(cluster, set_as_default=False))
                client.run(worker.ignore_terminal)
        yield client


def _client(Client, Security, address, tls):
    """Return the Client of a scheduler; raise UserError if it can't be reached or is not of our version."""
    if not address.startswith(("tls://", f"tcp://{LOOPBACK}:")):
        note(text("note: without tls:// whoever reaches this scheduler, or listens on the way, can run code on all its "
                  "machines: see the README"))
    if tls:
        files.read_text(tls)
    given = {"tls_ca_file": tls, "tls_client_cert": tls, "tls_client_key": tls} if tls else {}
    try:
        client = Client(address, security=Security(require_encryption=address.startswith("tls://"), **given),
                        timeout=TIMEOUT, set_as_default=False)
    except Exception as error:  # OSError, or one of a dozen kinds that a bad address or certificate brings
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise UserError("the scheduler at {address} cannot be reached ({reason}): is it running there, and is its "
                        "certificate ours (--tls)?", address=address, reason=reason) from None
    theirs = client.get_versions()["scheduler"]["packages"].get("distributed")
    if theirs != (mine := machine.version_of("distributed")):
        client.close()
        raise UserError("the scheduler at {address} has distributed {theirs}, here it is {mine}: install the same on "
                        "all machines", address=address, theirs=theirs, mine=mine)
    return client


def check_workers(client, here, where):
    """See that every worker is as `here`, our own description, and have them import what they need.

    where: what worker.load takes. Raise UserError, naming the first that is not, or if there is none.
    """
    try:
        client.wait_for_workers(1, timeout=JOIN_TIMEOUT)
    except TimeoutError:
        raise UserError("no worker has joined {address} within {n} s: start some by 'dask worker', see the "
                        "README", address=client.scheduler.address, n=JOIN_TIMEOUT) from None
    for address, info in client.scheduler_info(n_workers=-1)["workers"].items():
        if info["nthreads"] != 1:
            raise UserError("worker {address} has {nthreads} threads: start workers with --nthreads 1, one for each "
                            "core: a run is trained by one process", address=address, nthreads=info["nthreads"])
    found = client.run(worker.describe, here["isa"], *where, on_error="return")
    for address, description in found.items():
        problem = (worker.mismatch(description, here) if isinstance(description, dict) else
                   f"{type(description).__name__}: {' '.join(str(description).split())[:160]}")
        if problem:
            raise UserError("worker {address}: {problem}: every machine needs the same software and data",
                            address=address, problem=problem)
    client.run(worker.warm_up)
