"""Settings of plugins: tables that nobody here knows, carried with their places and checked by the author's model."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeVar

import pytest
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator

from bot.config import PluginSettings, Settings, load_settings, plugin_settings
from bot.config.fields import Folder, Key
from bot.domain.errors import SettingsError, SettingsProblem

Model = TypeVar("Model", bound=PluginSettings)


class Server(PluginSettings):
    url: str = Field(description="Address of the server")
    command: tuple[str, ...] = ()
    token: Key | None = None


class Focus(PluginSettings):
    objects: tuple[str, ...] = Field(default=(), max_length=3, description="What to attend to")
    sizes: tuple[int, ...] = ()
    most: int = Field(default=5, ge=1, description="How many at a time")
    ratio: float = 0.5
    is_loud: bool = False
    mode: Literal["near", "far"] = "near"
    folder: Folder | None = None
    word_file: str = ""
    weights: Mapping[str, float] = {}
    servers: Mapping[str, Server] = {}
    places: tuple[Server, ...] = ()
    token: Key | None = None

    @field_validator("objects")
    @classmethod
    def _once(cls, objects: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(objects)) < len(objects):
            raise ValueError("holds a name twice.")
        return objects

    @model_validator(mode="after")
    def _fitting(self) -> "Focus":
        if self.most == 77:
            raise ValueError("Seventy-seven is too many.")
        return self


class Nothing(PluginSettings):
    pass


class Program(PluginSettings):
    command: tuple[str, ...]


class Either(PluginSettings):
    one: Server | Program | None = None
    more: Mapping[str, Server | Program] = {}
    length: int | Literal["any"] = "any"


class Needy(PluginSettings):
    url: str
    api_key: Key


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(text: str = "", environ: dict[str, str] | None = None, dotenv: str = "") -> Settings:
    Path("config.toml").write_text(text)
    Path(".env").write_text(dotenv)
    return load_settings(Path("config.toml"), environ=environ or {}, secrets_folder=Path("secrets"))


def focus(text: str = "", environ: dict[str, str] | None = None, dotenv: str = "") -> Focus:
    return plugin_settings(load(text, environ, dotenv), "focus", Focus)


def refused(text: str = "", environ: dict[str, str] | None = None, dotenv: str = "") -> tuple[SettingsProblem, ...]:
    return refused_by(Focus, text, environ, dotenv)


def refused_by(
    model: type[PluginSettings], text: str = "", environ: dict[str, str] | None = None, dotenv: str = ""
) -> tuple[SettingsProblem, ...]:
    with pytest.raises(SettingsError) as caught:
        plugin_settings(load(text, environ, dotenv), "focus", model)
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    assert "canary" not in str(caught.value)
    return caught.value.problems


# [plugins]


def test_no_plugin_runs_unless_it_is_named() -> None:
    assert load().plugins.enabled == ()
    assert load('[plugins]\nenabled = ["focus", "web_voice", "focus"]').plugins.enabled == ("focus", "web_voice")
    assert load(environ={"KIBITZ_PLUGINS__ENABLED": "mcp, focus"}).plugins.enabled == ("mcp", "focus")


@pytest.mark.parametrize("name", ["Focus", "a", "web-voice", "my__plugin", "plugin_", "1st", "enabled", "x" * 33])
def test_what_cannot_be_the_name_of_a_plugin_is_refused(name: str) -> None:
    (problem,) = refused(f'[plugins]\nenabled = ["{name}"]')
    assert problem.where == "config.toml, line 2"
    assert "lower-case letters" in problem.what
    if name != "enabled":
        (problem,) = refused(f"[plugins.{name}]\na = 1")
        assert problem.where == "config.toml, line 1"
        assert "lower-case letters" in problem.remedy
    (problem,) = refused(environ={f"KIBITZ_PLUGINS__{name.upper()}__": "x"})
    assert problem.what.endswith("is not a setting.")


def test_what_is_no_table_is_a_setting_or_a_slip() -> None:
    (problem,) = refused("[plugins]\nenabeld = []\n")
    assert problem.remedy == "Did you mean enabled?"
    (problem,) = refused("[plugins]\nfocus = 3")
    assert problem.what == "[plugins] focus is not a setting."
    (problem,) = refused("[plugins.captions]\na = 1")
    assert problem.what == "[plugins] captions is not text in quotes."
    (problem,) = refused(environ={"KIBITZ_PLUGINS__ENABELD": "canary"})
    assert problem.remedy == "Did you mean KIBITZ_PLUGINS__ENABLED?"


@pytest.mark.parametrize("name", ["KIBITZ_PLUGIN__FOCUS__MOST", "KIBTIZ_PLUGINS__FOCUS__MOST"])
def test_a_slip_in_the_beginning_of_a_variable_is_refused(name: str) -> None:
    (problem,) = refused(environ={name: "canary"})
    assert problem.remedy == "Did you mean KIBITZ_PLUGINS__FOCUS__MOST?"
    assert load(environ={"MY_PLUGINS__FOCUS__MOST": "x"}).plugin_tables == {}


def test_the_settings_of_plugins_are_described() -> None:
    shown = {item.name: item for item in load("[plugins]\nfailures = 9").describe()}
    assert shown["plugins.failures"].value == "9"
    assert shown["plugins.failures"].source == "config.toml, line 2"
    assert shown["plugins.fusion"].value == '""'


# What a table gives


def test_without_a_table_a_plugin_has_its_defaults() -> None:
    assert focus() == Focus()
    assert plugin_settings(Settings(), "focus", Nothing) == Nothing()


def test_values_of_the_file_keep_their_types() -> None:
    text = """\
[plugins]
enabled = ["focus"]
[plugins.focus]
objects = ["cat", "dog"]
most = 3
ratio = 1
is_loud = true
mode = "far"
folder = "there"
weights = {Dog = 0.5, dog = 2, big-dog = 3, big_dog = 4}
servers.one.url = "http://one"
[[plugins.focus.places]]
url = "http://two"
[plugins.other]
anything = 1979-05-27
"""
    assert focus(text) == Focus(
        objects=("cat", "dog"), most=3, ratio=1, is_loud=True, mode="far", folder=Path("there"),
        weights={"Dog": 0.5, "dog": 2, "big-dog": 3, "big_dog": 4}, servers={"one": Server(url="http://one")}, places=(Server(url="http://two"),),
    )  # fmt: skip
    assert load(text).plugins.enabled == ("focus",)
    assert load(text).plugin_tables.keys() == {"focus", "other"}


def test_values_of_variables_are_read_from_text() -> None:
    environ = {
        "KIBITZ_PLUGINS__FOCUS__OBJECTS": " cat, big dog,",
        "KIBITZ_PLUGINS__FOCUS__SIZES": "[1, 2]",
        "kibitz_plugins__focus__most": "3",
        "KIBITZ_PLUGINS__FOCUS__RATIO": "0.25",
        "KIBITZ_PLUGINS__FOCUS__IS_LOUD": "yes",
        "KIBITZ_PLUGINS__FOCUS__MODE": "far",
        "KIBITZ_PLUGINS__FOCUS__FOLDER": "there",
        "KIBITZ_PLUGINS__FOCUS__WORD_FILE": "words.txt",
        "KIBITZ_PLUGINS__FOCUS__WEIGHTS": '{"cat": 1}',
        "KIBITZ_PLUGINS__FOCUS__WEIGHTS__DOG": "2",
        "KIBITZ_PLUGINS__FOCUS__SERVERS__ONE__URL": "http://one",
        "KIBITZ_PLUGINS__FOCUS__SERVERS__ONE__COMMAND": "run, it",
        "KIBITZ_PLUGINS__FOCUS__PLACES": '[{"url": "http://two"}]',
        "KIBITZ_PLUGINS__FOCUS__TOKEN": "abc",
    }
    assert focus(environ=environ) == Focus(
        objects=("cat", "big dog"), sizes=(1, 2), most=3, ratio=0.25, is_loud=True, mode="far", folder=Path("there"),
        word_file="words.txt", weights={"cat": 1, "dog": 2},
        servers={"one": Server(url="http://one", command=("run", "it"))},
        places=(Server(url="http://two"),), token=SecretStr("abc"),
    )  # fmt: skip
    assert focus(environ={"KIBITZ_PLUGINS__FOCUS__SIZES": "1, 2"}).sizes == (1, 2)


def test_environment_dotenv_mounted_secrets_file_in_that_order(folder: Path) -> None:
    text = '[plugins.focus]\nmost = 1\nratio = 0.1\nmode = "far"\nobjects = ["cat"]'
    environ = {"KIBITZ_PLUGINS__FOCUS__MOST": "3", "KIBITZ_PLUGINS__FOCUS__MODE": " "}
    dotenv = "KIBITZ_PLUGINS__FOCUS__MOST=2\nKIBITZ_PLUGINS__FOCUS__RATIO=0.2\nKIBITZ_PLUGINS__FOCUS__TOKEN=near\n"
    (folder / "secrets").mkdir()
    (folder / "secrets" / "kibitz_plugins__focus__token").write_text("mounted")
    (folder / "secrets" / "kibitz_plugins__focus__servers__one__token").write_text("mounted too\n")
    settings = load(text + '\nservers.one.url = "http://one"', environ, dotenv)
    assert set(settings.secrets()) == {"mounted too", "near", "mounted"}
    (problem,) = refused(text + '\nservers.one.url = "http://one"', environ, dotenv)
    assert problem.where == "secrets"
    assert problem.what.startswith("kibitz_plugins__focus__servers__one__token holds a space")
    (folder / "secrets" / "kibitz_plugins__focus__servers__one__token").unlink()
    assert focus(text, environ, dotenv) == Focus(
        most=3, ratio=0.2, mode="far", objects=("cat",), token=SecretStr("near")
    )
    assert focus().token == SecretStr("mounted")


def test_a_variable_reaches_into_a_table_of_the_file() -> None:
    text = '[plugins.focus.servers.My-Server]\nurl = "http://one"'
    servers = focus(text, {"KIBITZ_PLUGINS__FOCUS__SERVERS__MY_SERVER__TOKEN": "abc"}).servers
    assert servers == {"My-Server": Server(url="http://one", token=SecretStr("abc"))}
    assert focus(text, {"KIBITZ_PLUGINS__FOCUS__SERVERS": "{}"}).servers == {}


def test_empty_means_not_set() -> None:
    text = '[plugins.focus]\nobjects = []\nmode = ""\nfolder = " "'
    assert focus(text, {"KIBITZ_PLUGINS__FOCUS__MOST": ""}) == Focus()


def test_settings_of_plugins_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        focus().most = 4  # pyright: ignore[reportAttributeAccessIssue]  # that is the point


# What is refused


def test_all_problems_at_once_each_with_its_place_and_remedy() -> None:
    text = """\
[plugins.focus]
objcts = ["cat"]
most = "3"
ratio = true
mode = "faar"
weights = {cat = "canary"}
elsewhere.canari = 1
sizes = [1, "canary"]
tokn = "canary"
[plugins.focus.servers.one]
ulr = "http://one"
[[plugins.focus.places]]
url = "http://two"
[[plugins.focus.places]]
url = 3
"""
    environ = {
        "KIBITZ_PLUGINS__FOCUS__OBJECTS": "one, two, three, canary",
        "KIBITZ_PLUGINS__FOCUS__IS_LUOD": "canary",
        "KIBITZ_PLUGINS__OTHER__ANYTHING": "nobody asks for this here",
        "KIBITZ_PLUGINS__FOCUS__SERVERS__TWO__URRL": "canary",
        "KIBITZ_PLUGINS__FOCUS__SERVERS__TWO__TOKEN": "two canary words",
    }
    problems = refused(text, environ, "KIBITZ_PLUGINS__FOCUS__FOLDER=x\nKIBITZ_PLUGINS__FOCUS__MOST__X=canary")
    assert {str(problem) for problem in problems} == {
        "config.toml, line 2: [plugins.focus] objcts is not a setting. Did you mean objects?",
        "config.toml, line 3: [plugins.focus] most is not a whole number. Wanted: How many at a time.",
        "config.toml, line 4: [plugins.focus] ratio is not a number. See the description of the plugin.",
        'config.toml, line 5: [plugins.focus] mode is not one of the choices. Did you mean "far"?',
        "config.toml, line 6: [plugins.focus.weights] cat is not a number. See the description of the plugin.",
        "config.toml, line 7: [plugins.focus] elsewhere is not a setting. "
        f"Its names are: {', '.join(Focus.model_fields)}.",
        "config.toml, line 8: [plugins.focus] sizes, item 2 is not a whole number. See the description of the plugin.",
        "config.toml, line 9: [plugins.focus] tokn is not a setting. Did you mean KIBITZ_PLUGINS__FOCUS__TOKEN?",
        "config.toml, line 11: [plugins.focus.servers.one] ulr is not a setting. Did you mean url?",
        "config.toml, line 12: [plugins.focus] places, item 2, url is not text in quotes. "
        "Wanted: Address of the server.",
        "[plugins.focus.servers.one]: url is missing. "
        "Set it in config.toml, or KIBITZ_PLUGINS__FOCUS__SERVERS__ONE__URL in the environment.",
        "[plugins.focus.servers.two]: url is missing. "
        "Set it in config.toml, or KIBITZ_PLUGINS__FOCUS__SERVERS__TWO__URL in the environment.",
        "environment: KIBITZ_PLUGINS__FOCUS__OBJECTS is longer than 3. Wanted: What to attend to.",
        "environment: KIBITZ_PLUGINS__FOCUS__IS_LUOD is not a setting. Did you mean KIBITZ_PLUGINS__FOCUS__IS_LOUD?",
        "environment: KIBITZ_PLUGINS__FOCUS__SERVERS__TWO__URRL is not a setting. "
        "Did you mean KIBITZ_PLUGINS__FOCUS__SERVERS__TWO__URL?",
        "environment: KIBITZ_PLUGINS__FOCUS__SERVERS__TWO__TOKEN holds a space, a line break or a letter that no key "
        "has. See the description of the plugin.",
        ".env, line 2: KIBITZ_PLUGINS__FOCUS__MOST__X is not a whole number. Wanted: How many at a time.",
    }


def test_text_in_the_file_is_no_number() -> None:
    (problem,) = refused("[plugins.focus]\nmost = '3'")
    assert problem.what == "[plugins.focus] most is not a whole number."


def test_what_validators_of_the_author_say_is_told() -> None:
    (problem,) = refused('[plugins.focus]\nobjects = ["cat", "cat"]')
    assert str(problem) == (
        "config.toml, line 2: [plugins.focus] objects holds a name twice. Wanted: What to attend to."
    )
    (problem,) = refused("[plugins.focus]\nmost = 77")
    assert str(problem) == "[plugins.focus]: Seventy-seven is too many. See the description of the plugin."


def test_what_is_missing_is_told_with_the_way_to_set_it() -> None:
    url, key = refused_by(Needy)
    assert str(url) == (
        "[plugins.focus]: url is missing. Set it in config.toml, or KIBITZ_PLUGINS__FOCUS__URL in the environment."
    )
    assert key.remedy == "Set KIBITZ_PLUGINS__FOCUS__API_KEY in the environment, .env or a secret file."
    (problem,) = refused("[plugins.focus]\nplaces = [{command = ['a']}]")
    assert str(problem) == "config.toml, line 2: [plugins.focus] places, item 1, url is missing. Set it there."


def test_a_plugin_without_settings_takes_none() -> None:
    (problem,) = refused_by(Nothing, "[plugins.focus]\nmost = 1")
    assert problem.what == "[plugins.focus] most is not a setting."


def test_a_choice_between_tables() -> None:
    environ = {
        "KIBITZ_PLUGINS__FOCUS__ONE": '{"command": ["run"]}',
        "KIBITZ_PLUGINS__FOCUS__MORE__TWO__TOKEN": "abc",
        "KIBITZ_PLUGINS__FOCUS__LENGTH": "3",
    }
    text = '[plugins.focus.more.two]\nurl = "http://two"'
    assert plugin_settings(load(text, environ), "focus", Either) == Either(
        one=Program(command=("run",)), more={"two": Server(url="http://two", token=SecretStr("abc"))}, length=3
    )
    problems = refused_by(Either, text + "\ncolour = 3", {"KIBITZ_PLUGINS__FOCUS__LENGTH": "canary"})
    assert {(problem.where, problem.what) for problem in problems} == {
        ("environment", "KIBITZ_PLUGINS__FOCUS__LENGTH is not a whole number."),
        ("config.toml, line 3", "[plugins.focus.more.two] colour is not a setting."),
        ("[plugins.focus.more.two]", "command is missing."),
        ("config.toml, line 2", "[plugins.focus.more.two] url is not a setting."),
    }


def test_a_table_or_a_list_that_is_none_is_refused() -> None:
    environ = {
        "KIBITZ_PLUGINS__FOCUS__WEIGHTS": "{canary",
        "KIBITZ_PLUGINS__FOCUS__SERVERS": "canary",
        "KIBITZ_PLUGINS__FOCUS__SIZES": "[canary",
    }
    problems = refused("[plugins.focus]\nobjects = 'cat'", environ)
    assert len(problems) == len({problem.what for problem in problems}) == 4
    whats = {problem.what for problem in problems}
    assert "[plugins.focus] objects is not a list in brackets." in whats
    assert "KIBITZ_PLUGINS__FOCUS__SERVERS is not a table." in whats


# Secrets


@pytest.mark.parametrize(
    ("text", "variable"),
    [
        ("[plugins.focus]\ntoken = 'canary'", "KIBITZ_PLUGINS__FOCUS__TOKEN"),
        ("[plugins]\nfocus = {token = 'canary'}", "KIBITZ_PLUGINS__FOCUS__TOKEN"),
        ("[plugins.focus]\nservers.one.token = 'canary'", "KIBITZ_PLUGINS__FOCUS__SERVERS__ONE__TOKEN"),
        ("[plugins.focus]\nplaces = [{token = 'canary'}]", "KIBITZ_PLUGINS__FOCUS__PLACES"),
        ("[plugins.focus]\ntoken.inside = 'canary'", "KIBITZ_PLUGINS__FOCUS__TOKEN__INSIDE"),
        ("[plugins.focus]\ntoken = 'sk-canary0123456789abcdef'", ""),
        ("[plugins.focus]\nobjects = ['sk-canary0123456789abcdef']", ""),
    ],
)
def test_a_secret_in_a_table_of_the_file_is_refused_and_never_repeated(text: str, variable: str) -> None:
    (problem,) = refused(text)
    assert problem.where == "config.toml, line 2"
    assert "a secret" in problem.what
    assert "into .env" in problem.remedy
    assert variable in problem.remedy


def test_secrets_of_plugins_are_known_whether_they_run_or_not(folder: Path) -> None:
    (folder / "file").write_text("canary-file\n")
    environ = {
        "KIBITZ_PLUGINS__FOCUS__TOKEN": "canary-token",
        "KIBITZ_PLUGINS__FOCUS__TOKEN__INSIDE": "canary-inside",
        "KIBITZ_PLUGINS__OTHER__API_KEY_FILE": str(folder / "file"),
        "KIBITZ_PLUGINS__OTHER__SERVERS": json.dumps([{"token": "canary-listed", "url": "http://one"}]),
        "KIBITZ_PLUGINS__OTHER__MAX_TOKENS": "9",
        "KIBITZ_PLUGINS__TOKEN__NAME": "no secret",
    }
    settings = load(environ=environ)
    found = {"canary-token", "canary-inside", "canary-file", "canary-listed"}
    assert set(settings.secrets()) == found
    shown = "".join((repr(settings), str(settings.model_dump()), repr(settings.plugin_tables)))
    assert "canary" not in shown + str(settings.describe())
    needy = plugin_settings(
        load(environ={"KIBITZ_PLUGINS__FOCUS__API_KEY": "canary", "KIBITZ_PLUGINS__FOCUS__URL": "x"}), "focus", Needy
    )
    assert needy.api_key.get_secret_value() == "canary"
    assert "canary" not in repr(needy)


def test_a_secret_file_that_cannot_be_used_and_one_beside_its_secret_are_refused(folder: Path) -> None:
    (problem,) = refused(environ={"KIBITZ_PLUGINS__FOCUS__TOKEN_FILE": "canary"})
    assert problem.what == "KIBITZ_PLUGINS__FOCUS__TOKEN_FILE names a file that does not exist."
    (folder / "file").write_text("abc")
    environ = {"KIBITZ_PLUGINS__FOCUS__TOKEN_FILE": "file", "KIBITZ_PLUGINS__FOCUS__TOKEN": "canary"}
    (problem,) = refused(environ=environ)
    assert problem.what == "KIBITZ_PLUGINS__FOCUS__TOKEN_FILE and KIBITZ_PLUGINS__FOCUS__TOKEN set the same thing."


@pytest.mark.parametrize(("name", "kind"), [("pin", Key), ("token", str), ("key_file", str), ("pins", dict[str, Key])])
def test_a_secret_is_known_by_its_name_and_its_type(name: str, kind: type) -> None:
    with pytest.raises(TypeError, match=re.escape(f"Odd.{name}: a secret")):
        type("Odd", (PluginSettings,), {"__annotations__": {name: kind}})
