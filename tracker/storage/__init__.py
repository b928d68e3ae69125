"""What is stored, how much of it there may be, and what may go.

``count`` adds up files and points; ``quotas`` refuse what is too much; ``retention`` and ``trash``
decide what is over; ``gc`` removes the files of what is gone. Nothing here touches what ``holds``
or ``needed`` say must stay.
"""

from __future__ import annotations
