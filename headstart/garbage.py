"""How seldom memory is looked through for garbage in cycles, of which there is hardly any.

What is kept of workloads and clusters holds no cycles: whatever goes is freed when it goes. Errors
and client libraries leave some now and then.
"""

from __future__ import annotations

import gc

#: After so many new objects the newest are looked through, then those of so many such looks, then
#: all. A tick of a thousand workloads makes tens of thousands anew before the old ones go. Looked
#: through for each 700 of them, as is the default, a tick takes a fifth longer.
_NEW_OBJECTS, _OF_NEWEST, _OF_OLDER = 50_000, 20, 50


def look_seldom() -> None:
    """Have this process look for cycles as seldom as suits what it keeps."""
    gc.set_threshold(_NEW_OBJECTS, _OF_NEWEST, _OF_OLDER)
