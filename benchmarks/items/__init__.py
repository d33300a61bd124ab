"""The items: what each measures, against whom, what was asked. Each has ``TITLE``, ``HOW`` and ``measure(bench)``."""
