"""What somebody meant who has mistyped a name: the nearest that there is."""

SYNONYMS = {  # what people type who know another program; of several, the first that there is
    "lr": ("learning_rate",), "eta": ("learning_rate",), "neurons": ("n_neurons", "hidden_sizes"),
    "units": ("n_neurons", "hidden_sizes"), "n_units": ("n_neurons", "hidden_sizes"),
    "hidden": ("hidden_sizes", "n_neurons"), "n_hidden": ("n_neurons", "hidden_sizes"),
    "hidden_size": ("n_neurons", "hidden_sizes"), "hidden_units": ("n_neurons", "hidden_sizes"),
    "bs": ("batch_size",), "batch": ("batch_size",), "n_epochs": ("epochs",), "iterations": ("epochs",),
    "num_layers": ("layers",), "rnn": ("cell",), "weight_decay": ("l2",), "early_stopping": ("patience",),
    "validation": ("n_valid",), "name": ("run_name",), "output": ("runs_dir", "out"), "language": ("lang",)}


def meant(name, known):
    """Return the name of those known that a wrong one is nearest to, None if none is near."""
    import difflib
    plain = {_plain(each): each for each in known}
    wanted = _plain(name)
    near = [*SYNONYMS.get(wanted, ()), *difflib.get_close_matches(wanted, plain, 1, 0.7)]
    return next((plain[each] for each in near if each in plain), None)


def _plain(name):
    """Return a name without what flags and settings differ in."""
    return str(name).lower().lstrip("-").replace("-", "_")
