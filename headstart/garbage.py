"""How seldom memory is looked through for garbage in cycles, of which there is hardly any.

What is kept of workloads and clusters holds no cycles: whatever goes is freed when it goes. Errors
and client libraries leave some now and then. (What was read of a cluster at first is never looked
through again: settled_memory.py.)
"""

from __future__ import annotations

import gc

#: When there are so many objects more than at the last look, the newest are looked through; after
#: so many such looks those of all of them, and so on. A tick of a thousand workloads makes tens of
#: thousands before the old ones go, and the default looks at each 700 of them.
_NEW_OBJECTS, _OF_NEWEST, _OF_OLDER = 50_000, 20, 50


def look_seldom() -> None:
    """Have this process look for cycles as seldom as suits what it keeps."""
    gc.set_threshold(_NEW_OBJECTS, _OF_NEWEST, _OF_OLDER)
