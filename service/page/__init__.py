"""A gate's report as one page of HTML: what a person reads before a model goes out, or to learn why it doesn't.

``words`` writes numbers, ``charts`` places them, ``report`` brings them together for the markup in ``templates``. The
page loads nothing and runs nothing: it opens from the store's folder, from a pipeline's files or from a mail.
"""

from service.page.report import render

__all__ = ["render"]
