"""What the sandbox says of itself. What it does is tested through its children, in test_child."""

from pathlib import Path

from bot.media import sandbox


def test_the_layers_are_told():
    landlock, seccomp = sandbox.available_layers()
    assert landlock >= 0
    assert seccomp in (True, False)


def test_the_launcher_needs_nothing_but_the_standard_library():
    source = Path(sandbox.__file__).read_text()
    assert "import bot" not in source
    assert "from bot" not in source


def test_rules_survive_the_command_line():
    rules = sandbox.Rules(
        readable=["/a b", "/c"],
        layers="required",
        cpu_seconds=1,
        memory_bytes=2,
        file_bytes=3,
        niceness=5,
        pipes=[9, 7],
    )
    assert vars(sandbox.Rules.from_arguments(rules.to_arguments())) == vars(rules)
