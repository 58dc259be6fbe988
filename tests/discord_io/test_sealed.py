"""A sealed interaction tells whose connection it came by, and nothing to whoever has another token."""

import json

import pytest
from nacl.secret import SecretBox

from bot.discord_io.sealed import Seal


def sealed(seal: Seal, owners: dict[str, int | None]) -> bytes:
    box: SecretBox = seal._box  # pyright: ignore[reportPrivateUsage] - an interaction of the library is not needed for this
    return bytes(box.encrypt(json.dumps({"owners": owners}).encode()))


@pytest.mark.parametrize(
    ("owners", "server_id"), [({"0": 7 << 22}, 7 << 22), ({"0": 7 << 22, "1": 42}, 7 << 22), ({"1": 42}, None)]
)
def test_what_only_its_asker_sees_is_gone_on_with_by_the_connection_it_came_by(
    owners: dict[str, int | None], server_id: int | None
) -> None:
    seal = Seal("token")
    assert seal.server_of(sealed(seal, owners)) == server_id
    assert Seal("another").server_of(sealed(seal, owners)) is None
