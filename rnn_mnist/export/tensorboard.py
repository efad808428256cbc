"""TensorBoard's event files: the columns of metrics.csv as scalars, the graph, the settings, histograms on request.

metrics.csv is the truth and the events follow it: whenever training starts or goes on, a new event file is made from
it, so nothing stands twice and a torn or lost file is repaired. One event holds all of an epoch; its step is the epoch.
"""

import dataclasses
import io
import os
import time

import numpy as np
from google.protobuf.message import DecodeError
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.hparams.api_pb2 import STATUS_SUCCESS
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from tensorboard.summary.writer.record_writer import RecordWriter

from rnn_mnist import files
from rnn_mnist.console.settings import applies
from rnn_mnist.tf1 import tf

MAX_BYTES = 2**30  # of an event file that is read
N_BINS = 30  # of a histogram, as TensorBoard draws them
AT_THE_END = ("acc_test", "loss_test", "acc_train", "loss_train")


def begin(run, config, graph, metrics):
    """Write the event file of a run that starts or goes on: graph (a tf.Graph), settings, the rows of metrics.csv.

    Histograms of those epochs are taken over from the old files. The name is new, because an open TensorBoard never
    looks again at a file it has read. Raise OSError if the disk refuses.
    """
    folder = run / "events"
    folder.mkdir(exist_ok=True)
    old = _files(run)
    recorded = {event.step: event for path in old for event in _read(path)}
    events = [tf.Event(wall_time=time.time(), file_version="brain.Event:2"),
              _event(0, graph_def=graph.as_graph_def(add_shapes=True).SerializeToString()),
              _event(0, summary=tf.Summary(value=[_settings(run, config)]))]
    for row in metrics:
        event = _event(row["epoch"], summary=tf.Summary(value=_scalars(row)))
        found = recorded.get(event.step)
        same = found is not None and list(found.summary.value[:len(event.summary.value)]) == list(event.summary.value)
        events.append(found if same else event)
    new = folder / f"events.out.tfevents.{time.time_ns()}"
    files.write(new, _frames(events))
    for path in old:
        path.unlink()


def add_epoch(run, row, weights):
    """Append an epoch's {column: number or None} and a histogram of each of {variable name: array}."""
    histograms = [tf.Summary.Value(tag=name, histo=_histogram(array)) for name, array in weights.items()]
    _append(run, [_event(row["epoch"], summary=tf.Summary(value=_scalars(row) + histograms))])


def add_result(run, values):
    """Append what result.json says of the test set, at the step after the last epoch, and that the run is finished."""
    scalars = [tf.Summary.Value(tag=name, simple_value=values[name]) for name in AT_THE_END if name in values]
    end = _hparams(metadata.SESSION_END_INFO_TAG, session_end_info={"status": STATUS_SUCCESS,
                                                                    "end_time_secs": time.time()})
    _append(run, [_event(values["epochs"], summary=tf.Summary(value=scalars)),
                  _event(values["epochs"], summary=tf.Summary(value=[end]))])


def _files(run):
    """Return the event files of a run, oldest first, with what a killed write left: TensorBoard reads that, too."""
    return sorted(path for path in (run / "events").glob("*events.out.tfevents.*") if path.is_file())


def _read(path):
    """Yield the events of a file up to its end or its first damage."""
    if not _has_possible_lengths(path):
        return
    try:
        yield from tf.train.summary_iterator(str(path))
    except (tf.errors.OpError, DecodeError):
        return


def _has_possible_lengths(path):
    """Tell whether no record of a file claims to be longer than the file: TensorFlow's reader would crash."""
    size, position = os.path.getsize(path), 0
    with open(path, "rb") as file:
        while len(head := file.read(8)) == 8:
            length = int.from_bytes(head, "little")
            if length > size:
                return False
            position += length + 16  # a length, its check sum, the record and its check sum
            file.seek(position)
    return size <= MAX_BYTES


def _append(run, events):
    """Append events to a run's event file; a file deleted meanwhile is begun anew, and whole again after a resume."""
    if found := _files(run):
        return files.append(found[-1], _frames(events))
    (run / "events").mkdir(exist_ok=True)
    files.write(run / "events" / "events.out.tfevents.0", _frames(events))


def _frames(events):
    """Return events as bytes in TFRecord's form, each with its length and check sums."""
    stream = io.BytesIO()
    writer = RecordWriter(stream)
    for event in events:
        writer.write(event.SerializeToString())
    return stream.getvalue()


def _event(step, **content):
    return tf.Event(wall_time=time.time(), step=step, **content)


def _scalars(row):
    """Return a Summary.Value (float32) for each column of a row of metrics.csv that has a number."""
    return [tf.Summary.Value(tag=name, simple_value=value) for name, value in row.items()
            if name != "epoch" and value is not None]


def _settings(run, config):
    """Return the Summary.Value of the settings that can change the result and have an effect, for HParams' table."""
    values = {item.name: getattr(config, item.name) for item in dataclasses.fields(config)
              if applies(vars(config), item)}
    hparams = {name: {"number_value": value} if isinstance(value, int | float) else {"string_value": str(value)}
               for name, value in values.items()}
    return _hparams(metadata.SESSION_START_INFO_TAG, session_start_info={
        "hparams": hparams, "group_name": run.name, "start_time_secs": time.time()})


def _hparams(tag, **content):
    """Return the Summary.Value in which HParams looks for its data: they ride in the metadata of an empty tensor."""
    described = metadata.create_summary_metadata(HParamsPluginData(**content))
    return tf.Summary.Value(tag=tag, metadata=tf.SummaryMetadata.FromString(described.SerializeToString()),
                            tensor=tf.make_tensor_proto(0.0))


def _histogram(array):
    """Return the HistogramProto of an array's finite values, in N_BINS bins of equal width."""
    values = array[np.isfinite(array)].astype(np.float64)
    counts, edges = np.histogram(values, N_BINS)
    return tf.HistogramProto(min=values.min(initial=np.inf), max=values.max(initial=-np.inf), num=values.size,
                             sum=values.sum(), sum_squares=np.square(values).sum(),
                             bucket_limit=edges[1:].tolist(), bucket=counts.tolist())
