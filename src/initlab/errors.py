"""The one exception that is meant for the person at the keyboard, and any other in one line."""


class UserError(ValueError):
    """Something typed or given cannot be used.

    The message is one sentence that names the value, what is allowed and the key to change; the scripts
    print it alone, without a traceback. Mistakes of our own stay ordinary exceptions and show theirs.
    """


def reason(error: BaseException, *, whole: bool = False) -> str:
    """ "RuntimeError: shape mismatch": the type and the first line of the message, or all of it in one line."""
    lines = str(error).strip().splitlines()
    message = " ".join(" ".join(lines).split()) if whole else "".join(lines[:1])
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
