"""The one exception for mistakes a user can mend: shown as a message, never as a traceback."""

from collections.abc import Sequence


class UserError(ValueError):
    """Something the user can fix. The message says what is wrong, where, the value, and the remedy."""


class EndOfRun(UserError):
    """What ends a run in all its processes, for the same reason; the first one says it."""


class InputErrors(UserError):
    """All problems of one kind of input at once, so that a file is mended in one go.

    Args:
        subject: what was read, e.g. the path of an annotation file.
        problems: one line each: where, the value, what is allowed, what to do.
        limit: lines shown; the rest are counted, not hidden.
    """

    def __init__(self, subject: str, problems: Sequence[str], *, limit: int = 50):
        self.subject = subject
        self.problems = list(problems)
        shown = "\n".join(f"  - {problem}" for problem in self.problems[:limit])
        rest = f"\n  ... and {len(self.problems) - limit} more" if len(self.problems) > limit else ""
        super().__init__(f"{subject}: {len(self.problems)} problem(s)\n{shown}{rest}")
