"""Admission: places, and a bounded queue before them."""

import asyncio

import pytest

from karui.gateway.limits import Limits
from karui.gateway.openai_api.chat_request import ApiError
from karui.gateway.requests.admission import AdmissionQueue


def test_places_and_queue():
    async def main():
        room = AdmissionQueue(Limits(at_once=2, queue=1, queue_seconds=0.05))
        gate = asyncio.Event()

        async def hold():
            async with room.slot():
                await gate.wait()

        held = [asyncio.ensure_future(hold()) for _ in range(3)]
        await asyncio.sleep(0)
        assert (room.in_flight, room.queued) == (2, 1)
        with pytest.raises(ApiError) as raised:
            await hold()
        assert (raised.value.status, raised.value.retry_after > 0) == (429, True)
        with pytest.raises(ApiError, match="no slot became free"):
            await held[2]
        leaving = asyncio.ensure_future(hold())
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.sleep(0)
        assert (room.in_flight, room.queued) == (2, 0)
        late = asyncio.ensure_future(hold())
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(late, *held[:2])
        assert (room.in_flight, room.queued) == (0, 0)

    asyncio.run(main())
