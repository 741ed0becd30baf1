"""initlab: why does this network (not) train from this initialisation?

Importing the package loads nothing heavy; import the room you need (`initlab.models`, `initlab.init`, ...).
"""

__version__ = "0.1.0"
