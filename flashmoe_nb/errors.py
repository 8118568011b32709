"""The errors a user can meet, each with what was found, what was expected and the remedy.

Every one derives from `FlashMoeError`, so a caller (the command line, a widget) can show the message alone.
An `assert` elsewhere guards an invariant of our own; these are for what comes from outside.
"""


class FlashMoeError(Exception):
    """Base of all errors this package raises on purpose; `str(error)` is one complete message."""


class CheckpointError(FlashMoeError, ValueError):
    """A checkpoint folder, header, tensor or configuration that cannot be used as it stands."""


class UnsupportedError(CheckpointError):
    """A well-formed checkpoint whose architecture, layout or feature is not implemented."""


class ReadError(FlashMoeError, OSError):
    """Bytes that should be on disk could not be read, or changed under an open engine."""


class PackError(FlashMoeError):
    """Packing, verifying or writing a checkpoint could not go on; nothing half-written was left as whole."""


class BudgetError(FlashMoeError, MemoryError):
    """A memory budget that cannot hold what must be resident; raised before anything is loaded."""


class ContextError(FlashMoeError, ValueError):
    """More positions asked for than the model, or the KV budget, has."""


class PromptError(FlashMoeError, ValueError):
    """Input that cannot be fed: empty, out of range, or of a kind the model does not take."""


class OptionError(FlashMoeError, ValueError):
    """An argument outside what this model or machine allows."""


class ClosedError(FlashMoeError, RuntimeError):
    """An engine, or a session of one, that was closed."""


class SessionBusyError(FlashMoeError, RuntimeError):
    """A step is suspended in the middle of a token, so another cannot start."""


class NumericError(FlashMoeError, ArithmeticError):
    """A value that is not finite turned up while decoding."""


class PageCacheError(FlashMoeError, OSError):
    """The operating system cannot answer this question about its page cache."""


class TraceError(FlashMoeError, ValueError):
    """A recorded trace that cannot be written, or read as it stands."""


class ToolError(FlashMoeError, ValueError):
    """A tool that cannot be offered to a model, or a call that cannot be made."""
