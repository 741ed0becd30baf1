"""Whether a method is of the object's own."""


def overrides(thing: object, base: type, name: str) -> bool:
    """Whether `thing` has another method of that name than `base`, by its class or set on the object."""
    method = getattr(thing, name)
    return getattr(method, "__func__", method) is not getattr(base, name)
