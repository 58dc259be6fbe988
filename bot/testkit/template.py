"""Writes a plugin to begin with: a package that runs, with tests that pass."""

from pathlib import Path

from bot.config.plugins import is_plugin_name
from bot.domain.errors import PluginError
from bot.domain.sentence import sentence
from bot.hooks.loader import SHIPPED

_PYPROJECT = """\
[project]
name = "kibitz-{dashed}"
version = "0.1.0"
description = "A plugin for Kibitz."
readme = "README.md"
requires-python = ">=3.11"
dependencies = []  # what the plugin needs besides Kibitz

[project.entry-points."kibitz.plugins"]
{name} = "kibitz_{name}:{kind}"

[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[tool.hatch.build.targets.wheel]
packages = ["kibitz_{name}"]

[tool.pytest.ini_options]
testpaths = ["tests"]
pythonpath = ["."]  # the tests run without installing this
"""

_PLUGIN = '''\
"""Gives every answer one more rule."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from bot.hooks import (
    CommandCall,
    Kibitz,
    Occasion,
    Permission,
    Plugin,
    PluginSettings,
    Prompt,
    SlashCommand,
    hookimpl,
    prompt_with_rule,
)


class {kind}Settings(PluginSettings):
    """[plugins.{name}] in config.toml."""

    rule: str = Field(default="Answer in one sentence.", description="What is asked of every answer")


class {kind}(Plugin):
    name = "{name}"
    version = "0.1.0"
    requires = ">=0.1"
    summary = "Gives every answer one more rule."
    permissions = frozenset({{Permission.WORDS, Permission.COMMANDS}})
    settings_model = {kind}Settings
    catalogue = Path(__file__).parent / "locales"

    def __init__(self, kibitz: Kibitz, settings: {kind}Settings) -> None:
        super().__init__(kibitz, settings)
        self._rule = settings.rule

    @hookimpl
    async def edit_prompt(self, prompt: Prompt, occasion: Occasion) -> Prompt:
        return prompt_with_rule(prompt, self._rule)

    @hookimpl
    async def register_commands(self) -> Sequence[SlashCommand]:
        return [SlashCommand(name="{name}", description="Show the rule of all answers", run=self._show)]

    async def _show(self, call: CommandCall) -> str:
        words = self.kibitz.words(call.occasion.locale)
        return words("Every answer follows this rule: {{rule}}", rule=self._rule)
'''

_TESTS = '''\
"""The plugin in a bot whose clouds are scripted."""

from bot.testkit.kit import Kit
from kibitz_{name} import {kind}


def test_every_answer_is_given_the_rule(kibitz: Kit) -> None:
    kibitz.start({kind}, settings={{"rule": "End with a question."}})
    prompt = kibitz.edit_prompt(kibitz.prompt("What is that?"))
    assert prompt.rules.endswith("End with a question.")


def test_the_command_shows_the_rule(kibitz: Kit) -> None:
    kibitz.start({kind}, settings={{"rule": "Be brief."}})
    assert kibitz.command("{name}") == "Every answer follows this rule: Be brief."
    assert kibitz.command("{name}", occasion=kibitz.occasion(locale="zh-CN")) == "每个回答都遵守这条规则：Be brief."
'''

_README = """\
# kibitz-{dashed}

A plugin for Kibitz: gives every answer one more rule.

## Try it

In an environment that has Kibitz (`pip install -e` its checkout) and pytest:

```sh
pip install -e .
python -m pytest
python -m bot plugins enable {name}
```

Or put this folder into the folder that `[plugins] directory` names, without installing it.

## Settings

```toml
[plugins.{name}]
rule = "Answer in one sentence."
```

## Make it yours

`kibitz_{name}/__init__.py` is the plugin, `tests/test_{name}.py` its tests, `kibitz_{name}/locales` its translations. \
docs/plugins.md of Kibitz has every hook.
"""

_CHINESE = """\
msgid ""
msgstr ""
"Language: zh_CN\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"

msgid "Every answer follows this rule: {{rule}}"
msgstr "每个回答都遵守这条规则：{{rule}}"

msgid "Show the rule of all answers"
msgstr "显示所有回答的规则"
"""


def write_template(name: str, folder: Path) -> Path:
    """A folder kibitz-NAME in `folder`, with a plugin of that name. Raises PluginError."""
    if not is_plugin_name(name):
        said = "{name} is no name of a plugin. Use 2 to 32 lower-case letters, digits and single underscores."
        raise PluginError("plugin_name", sentence(said, name=name))
    if name in SHIPPED:
        said = "{name} is a plugin that comes with Kibitz. Choose another name."
        raise PluginError("plugin_name", sentence(said, name=name))
    dashed = name.replace("_", "-")
    made = folder / f"kibitz-{dashed}"
    kind = "".join(part.capitalize() for part in name.split("_"))
    package = f"kibitz_{name}"
    texts = {
        "pyproject.toml": _PYPROJECT,
        "README.md": _README,
        f"{package}/__init__.py": _PLUGIN,
        f"{package}/locales/zh_CN.po": _CHINESE,
        f"tests/test_{name}.py": _TESTS,
    }
    try:
        made.mkdir(parents=True)
        for path, text in texts.items():
            (made / path).parent.mkdir(parents=True, exist_ok=True)
            (made / path).write_text(text.format(name=name, dashed=dashed, kind=kind), encoding="utf-8")
    except FileExistsError as error:
        said = sentence("{folder} is there already. Choose another name or folder.", folder=made)
        raise PluginError("plugin_template", said) from error
    except OSError as error:
        said = sentence("{folder} could not be written. Choose a folder you may write to.", folder=made)
        raise PluginError("plugin_template", said) from error
    return made
