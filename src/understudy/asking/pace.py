"""A ceiling on how much happens a minute.

pace = Pace(600)
await pace.take(1)     # returns when one more fits: at most 600 in any minute
"""

import asyncio

MINUTE = 60.0


class Pace:
    """Gives out ``per_minute`` units a minute (null: any number), evenly, in the order in which they are asked for."""

    def __init__(self, per_minute: float | None) -> None:
        self.seconds = MINUTE / per_minute if per_minute else 0.0
        self._free = 0.0

    async def take(self, units: float) -> None:
        """Wait until ``units`` more may be used."""
        if self.seconds:
            now = asyncio.get_running_loop().time()
            at = max(now, self._free)
            self._free = at + units * self.seconds
            await asyncio.sleep(at - now)

    def settle(self, units: float) -> None:
        """So many units were used beyond what was taken; fewer, if negative."""
        self._free += units * self.seconds
