"""Andon: predictions for high-cardinality categorical data, and the line that stops for a defect.

The map of the house. Imports run downward only; ``tox -e lint`` checks it.

    cli           what people talk to: parse, call inward, render
    demo          the embedded flight data through the whole line
    evaluation    candidate + baseline + events -> gate report
    web           what programs talk to over HTTP
    config        the only reader of the environment
    training      events -> candidate            scoring      events -> probabilities
    replay        logged requests -> another version's answers beside theirs
    live          the promoted version, verified and swapped, beside the requests (watcher)
    store         versions and their reports     prune, summary   what nobody needs; what a list shows
    pointer       the current version            audit        the log of its changes
    gates         contract, checks, verdict      page         a report as HTML
    events        Parquet, CSV, NDJSON, batched  spool        encoded rows for the later passes
    toml          the files that users write     artefact     one immutable model folder (sealed: how it is opened)
    core          pure: bucketer, features, encoder, model, learner, metrics, comparison, profile, predictor
    kernels       the loops over rows, compiled from C
    errors        one tree of errors that carry data                 revision     which sources this was built from
"""

__version__ = "0.1.0"
