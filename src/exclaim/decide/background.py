"""The work between requests: deadlines, the devices' silence, the notifier. Owned by the application's lifespan."""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from urllib.parse import urlsplit

import httpx
from sqlalchemy import exists, select

from exclaim.config import Config
from exclaim.decide import schema
from exclaim.decide.casework import fire_deadlines
from exclaim.decide.journal import note_change, prune
from exclaim.decide.live import Live
from exclaim.decide.paging import Waiting, delivered, due, failed
from exclaim.decide.sessions import forget_old_sessions
from exclaim.decide.store import Store
from exclaim.decide.views import incident_of, list_devices
from exclaim.decide.webhook import check_webhook, post
from exclaim.errors import DeliveryError, StoreError
from exclaim.transport import is_loopback

__all__ = ["Background"]

log = logging.getLogger(__name__)
TICK_SECONDS = 0.25
STUCK_SECONDS = 10.0
_DEVICE_SECONDS = 1.0
_TIDY_SECONDS = 600.0
_NOTIFIER_TIMEOUT = httpx.Timeout(10.0)


class Background:
    """Runs deadlines and the notifier while its context is open, and tells when they do not run."""

    def __init__(self, store: Store, config: Config, live: Live, clock: Callable[[], datetime]) -> None:
        """Take what the work needs; nothing runs before :meth:`running`."""
        self._store, self._config, self._live, self._clock = store, config, live, clock
        self._to_send = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._beat: float = self._loop.time()
        self._errors: dict[str, str] = {}  # by name of the work
        self._states: list[tuple[object, ...]] | None = None
        self._looked = -_DEVICE_SECONDS
        self._tidied = -_TIDY_SECONDS

    def trouble(self) -> str | None:
        """Why deadlines may not be kept, in a sentence; None where all is well."""
        if self._errors:
            return next(iter(self._errors.values()))
        behind = self._loop.time() - self._beat
        return f"deadlines were last checked {behind:.0f} s ago" if behind > STUCK_SECONDS else None

    def changed(self) -> None:
        """Something was committed: pages and the notifier should look. From any thread."""
        self._live.wake()
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._to_send.set)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run until the block ends. Deadlines that were missed before are taken first."""
        await self._tick()
        tasks = [asyncio.create_task(self._forever("deadlines", self._tick_and_rest))]
        if self._config.decide.webhook is not None:
            tasks.append(asyncio.create_task(self._notify()))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _forever(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Repeat ``work``; what goes wrong is logged and shown, and the work goes on."""
        while True:
            try:
                await work()
                self._errors.pop(name, None)
            except StoreError as error:
                log.error("%s: %s", name, error)
                self._errors[name] = str(error)
                await asyncio.sleep(1)
            except Exception as error:  # a deadline must not die of one bad row: say so, and go on
                log.exception("%s failed", name)
                self._errors[name] = f"{name} failed: {type(error).__name__}; see the log"
                await asyncio.sleep(1)

    async def _tick_and_rest(self) -> None:
        await self._tick()
        await asyncio.sleep(TICK_SECONDS)

    async def _tick(self) -> None:
        if await asyncio.to_thread(self._fire):
            self.changed()
        self._beat = self._loop.time()
        if self._beat - self._looked >= _DEVICE_SECONDS:
            self._looked = self._beat
            states = await asyncio.to_thread(self._device_states)
            if self._states not in (None, states):
                self._live.publish("device", {"at": self._clock()})
            self._states = states
        if self._beat - self._tidied >= _TIDY_SECONDS:
            self._tidied = self._beat
            await asyncio.to_thread(self._tidy)

    def _fire(self) -> int:
        now = self._clock()
        with self._store.read() as connection:
            if not connection.execute(select(exists().where(schema.incidents.c.deadline <= now))).scalar():
                return 0
        with self._store.write() as connection:
            return fire_deadlines(connection, now, self._config)

    def _device_states(self) -> list[tuple[object, ...]]:
        with self._store.read() as connection:
            devices = list_devices(connection, self._clock(), self._config.decide)
        return [(device.layer, device.name, device.state, device.hearing, device.mute) for device in devices]

    def _tidy(self) -> None:
        with self._store.write() as connection:
            prune(connection)
            forget_old_sessions(connection, self._clock())

    async def _notify(self) -> None:
        webhook = self._config.decide.webhook
        assert webhook is not None  # started only then
        key = check_webhook(webhook)
        local = is_loopback(urlsplit(webhook.url).hostname or "")
        async with httpx.AsyncClient(timeout=_NOTIFIER_TIMEOUT, trust_env=not local) as client:

            async def send_next() -> None:
                self._to_send.clear()
                message = await asyncio.to_thread(self._due)
                if message is None:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._to_send.wait(), 1.0)
                    return
                try:
                    await post(client, webhook.url, key, message, self._clock())
                except DeliveryError as error:
                    log.warning("%s: attempt %d: %s", message.id, message.attempts + 1, error)
                    await asyncio.to_thread(self._settle, message, str(error))
                else:
                    await asyncio.to_thread(self._settle, message, None)
                self._live.wake()

            await self._forever("notifier", send_next)

    def _due(self) -> Waiting | None:
        with self._store.read() as connection:
            return due(connection, self._clock())

    def _settle(self, message: Waiting, error: str | None) -> None:
        now = self._clock()
        with self._store.write() as connection:
            if error is None:
                delivered(connection, message, now)
            else:
                failed(connection, message, now, error, random.random())
            table = schema.notifications.c
            incident = connection.execute(select(table.incident).where(table.id == message.id)).scalar_one()
            note_change(connection, "incident", incident_of(connection, incident), now)
