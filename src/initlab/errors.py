"""The one exception that is meant for the person at the keyboard."""


class UserError(ValueError):
    """Something typed or given cannot be used.

    The message is one sentence that names the value, what is allowed and the key to change; the scripts
    print it alone, without a traceback. Mistakes of our own stay ordinary exceptions and show theirs.
    """
