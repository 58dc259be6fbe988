"""A person's side of the end-to-end encryption: one of two independent implementations of DAVE."""

from typing import Literal, Protocol

import dave
import davey

from tests.simulator.discord_voice.mls import read_commit

Dave = Literal["davey", "libdave"]
_APPEND, _REVOKE = davey.ProposalsOperationType.append, davey.ProposalsOperationType.revoke


class Keys(Protocol):
    """Between `commit` and `switch` a person still sends with the old keys; `switch` is operation 22."""

    user_id: int

    @property
    def is_ready(self) -> bool: ...

    @property
    def authenticator(self) -> bytes | None:
        """Equal for all who are in the same epoch."""
        ...

    def reset(self, external_sender: bytes) -> None: ...

    def key_package(self) -> bytes: ...

    def propose(self, proposals: bytes, known: set[int]) -> bytes:
        """Body of operation 28."""
        ...

    def revoke(self, references: bytes, known: set[int]) -> bytes: ...

    def commit(self, message: bytes) -> None: ...

    def welcome(self, message: bytes, known: set[int]) -> None: ...

    def switch(self) -> None: ...

    def encrypt(self, opus: bytes) -> bytes: ...

    def decrypt(self, sender_id: int, frame: bytes) -> bytes | None:
        """None: it cannot be decrypted."""
        ...


class DaveyKeys:
    """davey changes all keys when it takes a commit in, so it is given that at the switch."""

    def __init__(self, user_id: int, channel_id: int) -> None:
        self.user_id = user_id
        self._channel_id = channel_id
        self._session = davey.DaveSession(1, user_id, channel_id)
        self._next: bytes | None = None
        self._is_switched = False

    @property
    def is_ready(self) -> bool:
        return self._is_switched and self._session.ready

    @property
    def authenticator(self) -> bytes | None:
        return self._session.get_epoch_authenticator()

    def reset(self, external_sender: bytes) -> None:
        self._session = davey.DaveSession(1, self.user_id, self._channel_id)
        self._session.set_external_sender(external_sender)
        self._next, self._is_switched = None, False

    def key_package(self) -> bytes:
        return self._session.get_serialized_key_package()

    def propose(self, proposals: bytes, known: set[int]) -> bytes:
        return self._propose(_APPEND, proposals)

    def revoke(self, references: bytes, known: set[int]) -> bytes:
        return self._propose(_REVOKE, references)

    def _propose(self, kind: davey.ProposalsOperationType, body: bytes) -> bytes:
        made = self._session.process_proposals(kind, body)
        return b"" if made is None else made.commit + (made.welcome or b"")

    def commit(self, message: bytes) -> None:
        self._next = message

    def welcome(self, message: bytes, known: set[int]) -> None:
        self._session.process_welcome(message)

    def switch(self) -> None:
        if self._next is not None:
            self._session.process_commit(self._next)
            self._next = None
        self._is_switched = True

    def encrypt(self, opus: bytes) -> bytes:
        return self._session.encrypt_opus(opus)

    def decrypt(self, sender_id: int, frame: bytes) -> bytes | None:
        try:
            return self._session.decrypt(sender_id, davey.MediaType.audio, frame)
        except ValueError:
            return None


class LibdaveKeys:
    """Discord's own libdave, whose receiving side follows a commit at once and whose sending side at the switch."""

    def __init__(self, user_id: int, channel_id: int) -> None:
        self.user_id = user_id
        self.failures: list[str] = []
        self._channel_id = channel_id
        self._begin()

    def _begin(self) -> None:
        self._session = dave.Session(lambda source, reason: self.failures.append(f"{source}: {reason}"))
        self._session.init(1, self._channel_id, str(self.user_id), dave.SignatureKeyPair.generate(1))
        self._encryptor = dave.Encryptor()
        self._encryptor.assign_ssrc_to_codec(1, dave.Codec.opus)
        self._decryptors: dict[int, dave.Decryptor] = {}

    @property
    def is_ready(self) -> bool:
        return self._encryptor.has_key_ratchet()

    @property
    def authenticator(self) -> bytes | None:
        return self._session.get_last_epoch_authenticator()

    def reset(self, external_sender: bytes) -> None:
        self._begin()
        self._session.set_external_sender(external_sender)

    def key_package(self) -> bytes:
        made = self._session.get_marshalled_key_package()
        assert made is not None
        return made

    def propose(self, proposals: bytes, known: set[int]) -> bytes:
        return self._session.process_proposals(b"\x00" + proposals, _texts(known)) or b""

    def revoke(self, references: bytes, known: set[int]) -> bytes:
        return self._session.process_proposals(b"\x01" + references, _texts(known)) or b""

    def commit(self, message: bytes) -> None:
        taken = self._session.process_commit(message)
        assert isinstance(taken, dict), f"libdave refuses a commit: {taken!r} {self.failures}"
        self._follow()

    def welcome(self, message: bytes, known: set[int]) -> None:
        taken = self._session.process_welcome(message, _texts(known))
        assert taken is not None, f"libdave refuses a welcome: {self.failures}"
        self._follow()

    def _follow(self) -> None:
        for user_id, decryptor in self._decryptors.items():
            ratchet = self._session.get_key_ratchet(str(user_id))
            if ratchet is not None:
                decryptor.transition_to_key_ratchet(ratchet)

    def switch(self) -> None:
        self._encryptor.set_key_ratchet(self._session.get_key_ratchet(str(self.user_id)))

    def encrypt(self, opus: bytes) -> bytes:
        frame = self._encryptor.encrypt(dave.MediaType.audio, 1, opus)
        assert frame is not None
        return frame

    def decrypt(self, sender_id: int, frame: bytes) -> bytes | None:
        decryptor = self._decryptors.get(sender_id)
        if decryptor is None:
            ratchet = self._session.get_key_ratchet(str(sender_id))
            if ratchet is None:
                return None
            decryptor = self._decryptors[sender_id] = dave.Decryptor()
            decryptor.transition_to_key_ratchet(ratchet)
        return decryptor.decrypt(dave.MediaType.audio, frame)


def _texts(known: set[int]) -> set[str]:
    return {str(user_id) for user_id in known}


def is_commit(payload: bytes, *, epoch: int) -> bool:
    """A whole commit of that epoch without proposals of its own."""
    commit = read_commit(payload)
    return commit.epoch == epoch and not commit.inline
