"""The one exception that is meant for the person at the keyboard, and any other in one line."""


class UserError(ValueError):
    """Something typed or given cannot be used.

    The message is one sentence that names the value, what is allowed and the key to change; the scripts
    print it alone, without a traceback. Mistakes of our own stay ordinary exceptions and show theirs.
    """


def reason(error: BaseException, longest: int | None = 200) -> str:
    """ "RuntimeError: shape mismatch": the type and so many characters of the message."""
    message = " ".join(str(error).split())[:longest]
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
