from guarded import notes

__all__ = ["notes"]
