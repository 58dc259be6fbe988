"""Reads the voice server's datagrams in a thread that wakes at once when told, and takes any file descriptor."""

import contextlib
import logging
import select
import socket

from discord.voice_state import SocketReader

_LONGEST_DATAGRAM = 2048
_MOST_AT_ONCE = 64
_LONGEST_WAIT_SECONDS = 1.0
_PAUSE_SECONDS = 0.02

_log = logging.getLogger(__name__)


class DatagramReader(SocketReader):
    """The library's reader sits up to 30 s in `select` on a socket that is gone, and cannot take descriptors from 1024.

    Zero-length datagrams, which a socket also gives once it is shut down, are skipped.
    """

    def _do_run(self) -> None:
        while not self._end.is_set():
            if not self._running.is_set():
                self._running.wait()
            elif not self._read(self.state.socket):
                self._end.wait(_PAUSE_SECONDS)

    def _read(self, source: socket.socket | None) -> bool:
        """Wait for datagrams and pass them on; False when there is nothing to read from."""
        try:
            if not source or not _wait(source):
                return bool(source)
            for _ in range(_MOST_AT_ONCE):
                data = source.recv(_LONGEST_DATAGRAM)
                if not data:
                    return False
                self._pass_on(data)
        except BlockingIOError:
            return True
        except (OSError, ValueError):  # closed meanwhile
            return False
        return True

    def _pass_on(self, data: bytes) -> None:
        for callback in tuple(self._callbacks):
            try:
                callback(data)
            except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
                _log.warning("a datagram of %d bytes was not understood: %s", len(data), type(error).__name__)


def _wait(source: socket.socket) -> bool:
    """Whether something came within a second. Raises OSError or ValueError when the socket is closed."""
    if not hasattr(select, "poll"):
        return bool(select.select([source], [], [], _LONGEST_WAIT_SECONDS)[0])
    waiting = select.poll()
    waiting.register(source, select.POLLIN)
    return bool(waiting.poll(1000 * _LONGEST_WAIT_SECONDS))


def shut(source: socket.socket | None) -> None:
    """Close the socket; whoever waits for it wakes."""
    if source:
        with contextlib.suppress(OSError):
            source.shutdown(socket.SHUT_RDWR)
        source.close()
