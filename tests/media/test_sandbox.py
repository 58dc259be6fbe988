"""What the sandbox says of itself. What it does is tested through its children, in test_child."""

import json
from pathlib import Path

from bot.media import sandbox


def test_the_layers_are_told():
    layers = sandbox.sandbox_layers()
    assert layers.landlock >= 0
    assert layers.complete == (layers.landlock > 0 and layers.seccomp)


def test_the_launcher_needs_nothing_but_the_standard_library():
    source = Path(sandbox.__file__).read_text()
    assert "import bot" not in source
    assert "from bot" not in source


def test_rules_survive_their_json():
    rules = sandbox.Rules(
        readable=["/a b"], layers="required", cpu_seconds=1, memory_bytes=2, file_bytes=3, pipes=[9, 7]
    )
    assert sandbox.Rules(**json.loads(rules.to_json())) == rules
