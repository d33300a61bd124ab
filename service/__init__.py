"""Andon: predictions for high-cardinality categorical data, and the line that stops for a defect.

The map of the house. Imports run downward only; ``tox -e lint`` checks it.

    cli, web      what people and programs talk to: parse, call inward, render
    demo          the embedded flight data through the whole line
    config        the only reader of the environment
    training      events -> candidate            evaluation   candidate + events -> gate report
    scoring       events -> probabilities        live         the promoted version, verified and swapped
    store         versions, pointer, audit log   gates        thresholds and verdicts
    events        Parquet, CSV, NDJSON, batched  spool        encoded rows for the later passes
    toml          the files that users write     artefact     one immutable model folder
    core          pure: bucketer, features, encoder, model, learner, metrics, predictor
    errors        one tree of errors that carry data
"""

__version__ = "0.1.0"
