"""Settings: what is accepted, what wins, what is refused and in which words."""

import os
import re
import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError

from bot.config import PRESETS, Settings, load_settings
from bot.config.names import FILE_SETTINGS, SECRETS, VARIABLES
from bot.config.presets import FILLED
from bot.config.settings import SECTIONS
from bot.config.toml_file import _lines_of
from bot.domain.errors import SettingsError, SettingsProblem
from bot.domain.role import Role

SHIPPED = Path(__file__).parent.parent / "config.toml"
KEY = "sk-canary0123456789abcdef"
OPENAI = "https://api.openai.com/v1"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder with an empty config.toml."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.toml").write_text("")
    return tmp_path


HIRED = tuple(role for role in Role if role is not Role.EMBEDDINGS)
"""What presets hire for; a model for embeddings is named by the operator alone."""


def load(text: str = "", environ: dict[str, str] | None = None, preset: str | None = None, **files: str) -> Settings:
    """Load from a config.toml with this text in the current folder, hermetically."""
    Path("config.toml").write_text(text)
    for name, content in files.items():
        Path({"dotenv": ".env"}.get(name, name)).write_text(content)
    return load_settings(Path("config.toml"), environ=environ or {}, preset=preset, secrets_folder=Path("secrets"))


def refused(text: str = "", environ: dict[str, str] | None = None, **rest: str) -> tuple[SettingsProblem, ...]:
    with pytest.raises(SettingsError) as caught:
        load(text, environ, **rest)
    assert caught.value.__context__ is None, "a chained exception could print a value"
    assert "canary" not in str(caught.value)
    return caught.value.problems


# The file that is shipped


def shipped_settings() -> list[tuple[str, str, object, str]]:
    """Section, name, value and comment of every setting in config.toml, in order."""
    values = tomllib.loads(SHIPPED.read_text())
    found, section, comment = [], "", ""
    for line in SHIPPED.read_text().splitlines():
        if header := re.match(r"\[(\w+)\]", line):
            section = header[1]
        elif name := re.match(r"(\w+) = ", line):
            found.append((section, name[1], values[section][name[1]], comment))
        comment = line.removeprefix("# ") if line.startswith("# ") else ""
    return found


def test_file_and_code_name_the_same_settings_in_the_same_order() -> None:
    in_code = [(section, name) for section, names in FILE_SETTINGS.items() for name in names]
    assert [(section, name) for section, name, _, _ in shipped_settings()] == in_code


def test_each_comment_in_the_file_is_the_description_in_the_code() -> None:
    for section, name, _, comment in shipped_settings():
        description = SECTIONS[section].model_fields[name].description
        assert description
        assert comment == description, f"[{section}] {name}"


def test_each_value_in_the_file_is_the_default_of_the_code() -> None:
    for section, name, value, _ in shipped_settings():
        if (section, name) in FILLED:
            assert value in ("", 0, []), f"[{section}] {name} would switch the presets off"
        else:
            default = SECTIONS[section].model_fields[name].default
            if isinstance(default, Path):
                default = str(default)
            assert value == ("" if default is None else list(default) if isinstance(default, tuple) else default)


def test_the_shipped_file_changes_nothing(folder: Path) -> None:
    for preset in PRESETS:
        environ = {"OPENAI_API_KEY": KEY}
        assert load(SHIPPED.read_text(), environ, preset).model_dump() == load("", environ, preset).model_dump()


def test_every_preset_fills_the_same_settings_with_values_they_take() -> None:
    for fill in PRESETS.values():
        assert {(section, name) for section, names in fill.items() for name in names} == FILLED
        for section, names in fill.items():
            SECTIONS[section].model_validate(dict(names))
    for role in Role:
        assert all((role.value, name) in FILLED for name in ("base_url", "models"))


def test_env_example_names_only_settings() -> None:
    names = re.findall(r"^#? ?([A-Z][A-Z_]+)=", (SHIPPED.parent / ".env.example").read_text(), re.MULTILINE)
    assert set(names) <= {*VARIABLES, "KIBITZ_CONFIG"}
    assert {"OPENAI_API_KEY", "DISCORD_TOKEN"} <= set(names)


# Presets


def test_nothing_set_means_offline_and_says_so(folder: Path) -> None:
    settings = load()
    assert settings.models.preset == "offline"
    assert all(settings.role(role).is_offline and settings.role(role).base_url is None for role in Role)
    (statement,) = settings.statements
    assert "OPENAI_API_KEY" in statement


def test_a_key_means_balanced(folder: Path) -> None:
    settings = load(environ={"OPENAI_API_KEY": KEY})
    assert settings.models.preset == "balanced"
    assert "OPENAI_API_KEY" in settings.preset_reason
    assert settings.statements == ()
    assert settings.embeddings.is_offline
    for role in HIRED:
        section = settings.role(role)
        assert section.base_url == OPENAI
        assert section.api_key is not None
        assert section.api_key.get_secret_value() == KEY
    assert settings.chat.models == ("gpt-6-luna", "gpt-5.6-luna")
    assert settings.chat.effort == "none"


def test_an_address_alone_means_balanced_without_keys(folder: Path) -> None:
    settings = load(environ={"OPENAI_BASE_URL": "http://127.0.0.1:9/v1/"})
    assert settings.models.preset == "balanced"
    assert {settings.role(role).base_url for role in HIRED} == {"http://127.0.0.1:9/v1"}
    assert {settings.role(role).api_key for role in Role} == {None}


def test_the_classic_preset_is_the_original_recipe(folder: Path) -> None:
    settings = load(environ={"OPENAI_API_KEY": KEY}, preset="classic")
    models = [settings.role(role).models for role in (Role.CAPTIONS, Role.CHAT, Role.TRANSCRIPTS, Role.SPEECH)]
    assert models == [("gpt-4-turbo",), ("gpt-4-turbo",), ("whisper-1",), ("tts-1",)]
    assert settings.answer.direct_max_frames == 0


def test_quality_looks_closer(folder: Path) -> None:
    settings = load(environ={"OPENAI_API_KEY": KEY}, preset="quality")
    assert settings.captions.image_edge_px == 1024
    assert settings.chat.models == ("gpt-6.1-terra", "gpt-6-luna")
    assert settings.answer.direct_max_frames == 24


def test_local_needs_no_key_and_stays_on_this_machine(folder: Path) -> None:
    environ = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "https://cloud.example/v1"}
    settings = load(environ=environ, preset="local")
    assert {settings.role(role).api_key for role in Role} == {None}
    assert all((settings.role(role).base_url or "").startswith("http://localhost:") for role in HIRED)
    assert load(preset="local").captions.models == ("qwen3-vl:8b",)


@pytest.mark.parametrize("preset", ["balanced", "quality", "classic"])
def test_a_named_preset_without_a_key_is_refused_once(folder: Path, preset: str) -> None:
    (problem,) = refused(f'[models]\npreset = "{preset}"')
    assert problem.where == "config.toml, line 2"
    assert preset in problem.what
    assert "OPENAI_API_KEY" in problem.remedy


def test_one_role_with_a_server_leaves_the_others_offline_and_says_so(folder: Path) -> None:
    settings = load('[chat]\nbase_url = "http://localhost:11434/v1"\nmodels = ["llama4"]')
    assert settings.models.preset == "balanced"
    assert not settings.chat.is_offline
    assert settings.captions.is_offline
    assert settings.captions.base_url is None
    (statement,) = settings.statements
    assert "[captions], [transcripts], [speech]" in statement


def test_a_role_can_stay_offline_in_any_preset(folder: Path) -> None:
    settings = load('[transcripts]\nmodels = ["offline"]', {"OPENAI_API_KEY": KEY})
    assert settings.transcripts.is_offline
    assert settings.transcripts.api_key is None
    assert not settings.chat.is_offline


def test_offline_stands_alone_in_a_list_of_models(folder: Path) -> None:
    (problem,) = refused('[chat]\nmodels = ["gpt-6-luna", "offline"]')
    assert "fallback" in problem.what


def test_the_shared_key_is_not_sent_to_another_server(folder: Path) -> None:
    settings = load('[chat]\nbase_url = "https://other.example/v1"', {"OPENAI_API_KEY": KEY})
    assert settings.chat.api_key is None
    assert settings.captions.api_key is not None
    (statement,) = settings.statements
    assert "KIBITZ_CHAT__API_KEY" in statement


def test_the_shared_key_goes_to_the_shared_server(folder: Path) -> None:
    environ = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "https://other.example/v1"}
    settings = load('[chat]\nbase_url = "https://other.example/v2"\n[speech]\nbase_url = "' + OPENAI + '"', environ)
    assert settings.chat.api_key is not None
    assert settings.captions.api_key is not None
    assert settings.speech.is_offline, "the key of the other server is not OpenAI's"


def test_own_key_wins(folder: Path) -> None:
    settings = load(environ={"OPENAI_API_KEY": KEY, "KIBITZ_CHAT__API_KEY": "sk-own"})
    assert settings.chat.api_key is not None
    assert settings.chat.api_key.get_secret_value() == "sk-own"
    assert settings.speech.api_key is not None
    assert settings.speech.api_key.get_secret_value() == KEY


# What wins


def test_argument_environment_dotenv_file_default_in_that_order(folder: Path) -> None:
    text = '[models]\npreset = "offline"\n[log]\nlevel = "error"\nformat = "json"\n[media]\nmax_frames = 7'
    dotenv = "KIBITZ_LOG__LEVEL=debug\nKIBITZ_LOG__FORMAT=plain\nKIBITZ_MODELS__PRESET=classic\n"
    settings = load(text, {"KIBITZ_LOG__LEVEL": "warning"}, "local", dotenv=dotenv)
    assert settings.models.preset == "local"
    assert settings.log.level == "warning"
    assert settings.log.format == "plain"
    assert settings.media.max_frames == 7
    assert settings.media.max_streams == 16
    sources = {shown.name: shown.source for shown in settings.describe()}
    assert sources["log.level"] == "KIBITZ_LOG__LEVEL (environment)"
    assert sources["log.format"] == "KIBITZ_LOG__FORMAT (.env, line 2)"
    assert sources["media.max_frames"] == "config.toml, line 7"
    assert sources["media.max_streams"] == "default"
    assert sources["chat.models"] == "preset local"


def test_values_are_read_from_text(folder: Path) -> None:
    settings = load(
        environ={
            "KIBITZ_MEDIA__MAX_SECONDS": "90.5",
            "KIBITZ_MEDIA__MAX_FRAMES": "9",
            "KIBITZ_OFFLINE__FALLBACK": "false",
            "KIBITZ_CHAT__MODELS": "one, two",
            "KIBITZ_CAPTIONS__MODELS": '["three"]',
            "KIBITZ_ANSWER__MODE": "caption",
            "kibitz_answer__language": "zh-CN",
            "KIBITZ_CHAT__TEMPERATURE": "0",
            "OPENAI_API_KEY": KEY,
        }
    )
    assert settings.media.max_seconds == 90.5
    assert settings.media.max_frames == 9
    assert settings.offline.fallback is False
    assert settings.chat.models == ("one", "two")
    assert settings.captions.models == ("three",)
    assert settings.answer.mode == "caption"
    assert settings.answer.language == "zh-CN"
    assert settings.chat.temperature == 0


def test_empty_means_not_set(folder: Path) -> None:
    text = '[chat]\nmodels = []\nbase_url = ""\ncontext_tokens = 0\n[log]\nlevel = ""'
    environ = {"OPENAI_API_KEY": "", "KIBITZ_LOG__LEVEL": " ", "OPENAI_BASE_URL": "", "KIBITZ_CONFIG": ""}
    settings = load(text, environ, "local")
    assert settings.chat.models == ("qwen3-vl:8b",)
    assert settings.chat.context_tokens == 4096
    assert settings.log.level == "info"


def test_secret_files(folder: Path) -> None:
    (folder / "key").write_text(f"{KEY}\n")
    (folder / "secrets").mkdir()
    (folder / "secrets" / "discord_token").write_text("token-from-mount")
    (folder / "secrets" / "KIBITZ_CHAT__API_KEY").write_text("sk-chat")
    (folder / "secrets" / "somebody_elses").write_text("x")
    settings = load(environ={"OPENAI_API_KEY_FILE": str(folder / "key")})
    assert settings.secrets() == (KEY, "sk-chat", "token-from-mount")
    assert settings.chat.api_key is not None
    assert settings.chat.api_key.get_secret_value() == "sk-chat"


def test_both_names_of_the_token(folder: Path) -> None:
    for name in ("DISCORD_TOKEN", "DISCORD_BOT_TOKEN"):
        token = load(environ={name: "a.b.c"}).discord.token
        assert token is not None
        assert token.get_secret_value() == "a.b.c"
    (problem,) = refused(environ={"DISCORD_TOKEN": "canary", "DISCORD_BOT_TOKEN": "canary2"})
    assert "DISCORD_BOT_TOKEN" in problem.what
    assert "DISCORD_TOKEN" in problem.what


# Which file


def test_the_default_file_is_the_one_here(folder: Path) -> None:
    (folder / "config.toml").write_text("[media]\nmax_frames = 5")
    assert load_settings(environ={}).media.max_frames == 5


def test_without_a_file_here_the_one_beside_the_program_is_read(folder: Path) -> None:
    (folder / "config.toml").unlink()
    sources = {shown.name: shown.source for shown in load_settings(environ={}).describe()}
    assert sources["media.max_frames"].startswith(str(SHIPPED))


def test_the_file_named_in_the_environment(folder: Path) -> None:
    (folder / "other.toml").write_text("[media]\nmax_frames = 6")
    assert load_settings(environ={"KIBITZ_CONFIG": "other.toml"}).media.max_frames == 6


def test_the_file_cannot_be_named_in_dotenv_which_is_found_through_it(folder: Path) -> None:
    (problem,) = refused(dotenv="KIBITZ_CONFIG=other.toml")
    assert problem.where == ".env, line 1"


@pytest.mark.parametrize(("path", "environ"), [(Path("no.toml"), {}), (None, {"KIBITZ_CONFIG": "no.toml"})])
def test_a_missing_file_is_refused(folder: Path, path: Path | None, environ: dict[str, str]) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(path, environ=environ)
    (problem,) = caught.value.problems
    assert problem.where == "no.toml"
    assert "does not exist" in problem.what


@pytest.mark.parametrize(
    ("content", "what"), [(b"\xff\xfe[", "UTF-8"), (b"[log]\nlevel = 'info\n", "not TOML"), (None, "folder")]
)
def test_an_unreadable_file_is_refused(folder: Path, content: bytes | None, what: str) -> None:
    path = folder / "odd.toml"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        load_settings(path, environ={})
    assert what in caught.value.problems[0].what


# What is refused


def test_all_problems_at_once_each_with_its_place(folder: Path) -> None:
    text = """\
# a comment
[captoins]
models = ["a"]

[chat]
efort = "low"
effort = "lwo"
attempts = "3"
max_output_tokens = 3.5
voice = "coral"
models = [
  "a",
  4,
]
api_key = "sk-canary0123456789abcdef"
[media]
max_megabytes = -1
max_seconds = 1e9
sandbox = true
"""
    environ = {
        "KIBITZ_CHAT__EFORT": "canary",
        "KIBITZ_MEDIA__MAX_FRAMES": "canary",
        "OPENAI_APIKEY": "canary",
        "OPENAI_API_BASE": "canary",
    }
    dotenv = "A=1\nKIBITZ_LOG__LEVL=canary\nDISCORD_TOKN=canary\nnot a line\n"
    problems = refused(text, environ, preset="offlin", dotenv=dotenv)
    found = {(problem.where, problem.what.split()[0], problem.remedy) for problem in problems}
    expected = {
        ("config.toml, line 2", "[captoins]", "Did you mean [captions]?"),
        ("config.toml, line 6", "[chat]", "Did you mean effort?"),
        ("config.toml, line 7", "[chat]", 'Did you mean "low"?'),
        ("config.toml, line 10", "[chat]", "voice belongs under [speech]."),
        ("environment", "KIBITZ_CHAT__EFORT", "Did you mean KIBITZ_CHAT__EFFORT?"),
        ("environment", "OPENAI_APIKEY", "Did you mean OPENAI_API_KEY?"),
        ("environment", "OPENAI_API_BASE", "Did you mean OPENAI_BASE_URL?"),
        (".env, line 2", "KIBITZ_LOG__LEVL", "Did you mean KIBITZ_LOG__LEVEL?"),
        (".env, line 3", "DISCORD_TOKN", "Did you mean DISCORD_TOKEN?"),
        ("argument", "--preset", 'Did you mean "offline"?'),
    }
    assert expected <= found
    whats = {problem.where: problem.what for problem in problems}
    assert whats["config.toml, line 8"] == "[chat] attempts is not a whole number."
    assert whats["config.toml, line 9"] == "[chat] max_output_tokens is not a whole number."
    assert whats["config.toml, line 11"] == "[chat] models is not text in quotes."
    assert whats["config.toml, line 15"] == "looks like a secret."
    assert whats["config.toml, line 17"] == "[media] max_megabytes must be above 0."
    assert whats["config.toml, line 18"] == "[media] max_seconds is above 86400, the most allowed."
    assert whats["config.toml, line 19"] == "[media] sandbox is not one of the choices."
    assert whats["environment"]
    assert whats[".env, line 4"] == "This is not a NAME=value line."
    assert len(problems) == len(expected) + 9, [str(problem) for problem in problems]


@pytest.mark.parametrize(
    "name",
    [
        "OPENAI_KEY",
        "OPEN_AI_API_KEY",
        "OPENAI_API_KE",
        "OPENAI_BASEURL",
        "OPENAI_API_BASE_URL",
        "OPENAI_BASE_ULR",
        "DISCORD_TOEKN",
        "DISCORDTOKEN",
        "DISCORD_API_TOKEN",
        "OPENAI_APIKEY_FILE",
        "KIBITZ_",
        "KIBITZ_CHAT_EFFORT",
        "KIBITZ_PRESET",
        "KIBITZ_CONFIGG",
        "KIBTIZ_CHAT__EFFORT",
        "KIBITZ_OPENAI__API_KEY",
    ],
)
def test_slips_in_the_environment_are_refused(folder: Path, name: str) -> None:
    (problem,) = refused(environ={name: "canary"})
    assert name in problem.what


def test_other_programs_variables_are_left_alone(folder: Path) -> None:
    names = ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_LOG", "AZURE_OPENAI_API_KEY", "OPENAI_API_KEY_2")
    assert load(environ=dict.fromkeys((*names, "DISCORD_GUILD", "PATH", "XKIBITZ_A", "A__B"), "x"))


@pytest.mark.parametrize(
    "text",
    [
        '[chat]\napi_key = "canary"',
        '[openai]\napi_key = "canary"',
        '[discord]\ntoken = "canary"',
        'OPENAI_API_KEY = "canary"',
        '[speech]\nvoice = "sk-canary0123456789abcdef"',
        '# api_key = "sk-canary0123456789abcdef"',
        '[chat]\nbase_url = "https://user:canary@host/v1"',
        '[chat]\nbase_url = "https://host/v1?api_key=canary"',
        '[captions]\nclient_secret = "canary"',
        'broken = "sk-canary0123456789abcdef',
    ],
)
def test_a_secret_in_the_file_is_refused_and_never_repeated(folder: Path, text: str) -> None:
    problems = refused(text, {})
    assert any(re.search(r"secret|user name or password|without \?", problem.what) for problem in problems)
    assert all(problem.where.startswith("config.toml, line ") for problem in problems)


@pytest.mark.parametrize("variable", ["OPENAI_API_KEY_FILE", "KIBITZ_CHAT__API_KEY_FILE", "DISCORD_TOKEN_FILE"])
@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe", b"two canary words", b"x" * 20_000, "folder", 0])
def test_an_unusable_secret_file_is_refused(folder: Path, variable: str, content: bytes | str | int | None) -> None:
    path = folder / "canary"
    if content == "folder":
        path.mkdir()
    elif content == 0:
        os.mkfifo(path)  # reading it would wait for ever
    elif isinstance(content, bytes):
        path.write_bytes(content)
    (problem,) = refused(environ={variable: str(path)})
    assert problem.where == "environment"
    assert problem.what.startswith(variable)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_secret_file_without_permission_is_refused(folder: Path) -> None:
    path = folder / "canary"
    path.write_text("x")
    path.chmod(0)
    (problem,) = refused(environ={"OPENAI_API_KEY_FILE": str(path)})
    assert "cannot be read" in problem.what


def test_a_secret_and_its_file_together_are_refused(folder: Path) -> None:
    (folder / "key").write_text("canary")
    (problem,) = refused(environ={"OPENAI_API_KEY": "canary", "OPENAI_API_KEY_FILE": str(folder / "key")})
    assert "same thing" in problem.what


def test_a_misspelt_mounted_secret_is_refused(folder: Path) -> None:
    (folder / "secrets").mkdir()
    (folder / "secrets" / "KIBITZ_CHAT__APIKEY").write_text("canary")
    (problem,) = refused()
    assert problem.where == "secrets"


@pytest.mark.parametrize(
    "address",
    ["localhost:11434", "ftp://host/v1", "http://", "http://ho st/v1", "https://host:99999/v1", "https://host/v1#x",
     "https://host/v1/chat/completions", "http://[::1/v1"],
)  # fmt: skip
def test_a_wrong_address_is_refused_wherever_it_stands(folder: Path, address: str) -> None:
    (problem,) = refused(f'[chat]\nbase_url = "{address}"')
    assert problem.where == "config.toml, line 2"
    (problem,) = refused(environ={"OPENAI_BASE_URL": address})
    assert problem.what.startswith("OPENAI_BASE_URL ")


def test_a_value_that_is_overruled_is_checked_all_the_same(folder: Path) -> None:
    (problem,) = refused('[log]\nlevel = "loud"', {"KIBITZ_LOG__LEVEL": "debug"})
    assert problem.where == "config.toml, line 2"


@pytest.mark.parametrize("text", ["[log]\nlevel = 'info'\n[log]", "[log]\nlevel = 'info'\nlevel = 'debug'"])
def test_a_name_that_stands_twice_is_refused(folder: Path, text: str) -> None:
    (problem,) = refused(text)
    assert problem.where == "config.toml, line 3"
    assert "second time" in problem.what


@pytest.mark.parametrize("text", ["level = 'info'", "log = 3", "[[log]]\nlevel = 'info'", "[log.level]\na = 1"])
def test_a_name_in_a_wrong_place_is_refused(folder: Path, text: str) -> None:
    (problem,) = refused(text)
    assert problem.where == "config.toml, line 1"


# What is handed out


def test_nothing_secret_in_any_text_of_the_settings(folder: Path) -> None:
    environ = {"OPENAI_API_KEY": KEY, "DISCORD_TOKEN": "canary-token", "KIBITZ_CHAT__API_KEY": "canary-chat"}
    settings = load(environ=environ)
    texts = (repr(settings), str(settings), settings.model_dump_json(), str(settings.model_dump()))
    assert "canary" not in "".join((*texts, str(settings.describe())))
    shown = {item.name: item.value for item in settings.describe()}
    assert shown["chat.api_key"] == "set"
    assert load().describe()[2].value == "not set"
    assert {tuple(name.split(".")) for name in shown} >= {setting for setting in SECRETS if setting[0] != "openai"}


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://kibitz:canary%40x@db.example/kibitz",
        "postgresql://kibitz:canary@db.example:5433/kibitz?sslmode=verify-full",
        "postgresql://kibitz@/kibitz?host=/var/run/postgresql",
    ],
)
def test_a_database_is_named_by_a_url_that_nobody_is_shown(folder: Path, url: str) -> None:
    settings = load(environ={"KIBITZ_DATA__URL": url})
    assert settings.data.url is not None
    assert settings.data.url.get_secret_value() == url
    assert url in settings.secrets()
    assert {item.name: item.value for item in settings.describe()}["data.url"] == "set"
    assert "canary" not in repr(settings)
    assert load(environ={"KIBITZ_DATA__URL": "", "DATABASE_URL": url}).data.url is None


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("mysql://kibitz:canary@db.example/kibitz", "does not begin with postgresql://"),
        ("postgres://kibitz:canary@db.example/kibitz", "does not begin with postgresql://"),
        ("canary.db", "does not begin with postgresql://"),
        ("postgresql+asyncpg://kibitz:canary@db.example/kibitz", "does not begin with postgresql://"),
        ("postgresql://kibitz:canary@db.example", "is not such an address"),
        ("postgresql://kibitz:canary@/kibitz", "is not such an address"),
        ("postgresql://kibitz:canary@db.example:port/kibitz", "is not such an address"),
        ("postgresql://kibitz:can#ary@db.example/kibitz", "is not such an address"),
        ("postgresql://kibitz:canary canary@db.example/kibitz", "is not such an address"),
        ("postgresql://[kibitz:canary@db.example/kibitz", "is not such an address"),
    ],
)
def test_a_wrong_url_of_a_database_is_refused(folder: Path, url: str, what: str) -> None:
    (problem,) = refused(environ={"KIBITZ_DATA__URL": url})
    assert problem.what.startswith(f"KIBITZ_DATA__URL {what}")
    assert "postgresql://user:password@host/database" in problem.remedy


def test_a_url_with_a_password_does_not_stand_in_the_file(folder: Path) -> None:
    (problem,) = refused('[data]\nurl = "postgresql://kibitz:canary@db.example/kibitz"')
    assert problem.where == "config.toml, line 2"
    assert "KIBITZ_DATA__URL" in problem.remedy


def test_settings_cannot_be_changed() -> None:
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.chat.attempts = 4  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(ValidationError):
        settings.chat = settings.chat  # pyright: ignore[reportAttributeAccessIssue]


def test_settings_built_by_hand_read_nothing_on_the_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT", '{"attempts": 9}')
    assert Settings().chat.attempts == 3
    assert Settings().chat.is_offline


def test_lines_of_every_shape_of_toml() -> None:
    text = (
        'a.b = 1\n\n# [no]\n[c] # d = 1\nd = """\n[no]\ne = 2\n"""\n'
        "f = [\n  [1],\n\n  2]\n[[g]]\nh = {i = 1}\n[c.j]\nk=1"
    )
    assert tomllib.loads(text)
    assert _lines_of(text) == {
        ("a",): 1, ("a", "b"): 1, ("c",): 4, ("c", "d"): 5, ("c", "f"): 9,
        ("g",): 13, ("c", "j"): 15, ("c", "j", "k"): 16,
    }  # fmt: skip


# The running bot


def test_the_bot_talks_to_discord_unless_told_otherwise(folder: Path) -> None:
    discord = load().discord
    assert discord.api_url == "https://discord.com/api/v10"
    assert discord.gateway_url == "wss://gateway.discord.gg/"
    assert discord.cdn_hosts == ("cdn.discordapp.com", "media.discordapp.net")
    assert not discord.message_content


def test_another_discord_by_three_addresses(folder: Path) -> None:
    environ = {
        "KIBITZ_DISCORD__API_URL": "http://127.0.0.1:8080/api/v10/",
        "KIBITZ_DISCORD__GATEWAY_URL": "ws://127.0.0.1:8080/gateway",
        "KIBITZ_DISCORD__CDN_HOSTS": "http://127.0.0.1:8081/, CDN.example.org",
        "KIBITZ_DISCORD__SHARD_COUNT": "4",
        "KIBITZ_DISCORD__SHARD_IDS": "0, 3",
        "KIBITZ_DATA__DIRECTORY": "/data",
    }
    settings = load(environ=environ)
    assert settings.discord.api_url == "http://127.0.0.1:8080/api/v10"
    assert settings.discord.gateway_url == "ws://127.0.0.1:8080/gateway"
    assert settings.discord.cdn_hosts == ("http://127.0.0.1:8081", "cdn.example.org")
    assert settings.discord.shard_ids == (0, 3)
    assert settings.data.directory == Path("/data")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("api_url", "discord.com/api/v10"),
        ("api_url", "wss://discord.com/api/v10"),
        ("api_url", "https://user:canary@discord.com/api/v10"),
        ("api_url", "https://discord.com/api/v10?x=canary"),
        ("gateway_url", "https://gateway.discord.gg/"),
        ("gateway_url", "wss://"),
        ("cdn_hosts", "cdn.example.org:8080"),
        ("cdn_hosts", "https://cdn.example.org/attachments"),
        ("cdn_hosts", "ftp://cdn.example.org"),
        ("cdn_hosts", "cdn.example.org, *.example.org"),
        ("shard_ids", "-1"),
        ("shard_ids", "one"),
        ("dev_guild_id", "-1"),
    ],
)
def test_a_wrong_place_of_discord_is_refused(folder: Path, name: str, value: str) -> None:
    (problem,) = refused(environ={f"KIBITZ_DISCORD__{name.upper()}": value})
    assert problem.what.startswith(f"KIBITZ_DISCORD__{name.upper()} ")
    assert problem.remedy


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("shard_ids = [0]", "needs shard_count"),
        ("shard_ids = [0, 2]\nshard_count = 2", "beyond shard_count, which is 2"),
        ("shard_ids = [1, 1]\nshard_count = 2", "twice"),
    ],
)
def test_shards_that_do_not_fit_together_are_refused(folder: Path, text: str, what: str) -> None:
    (problem,) = refused(f"[discord]\n{text}")
    assert problem.where == "config.toml, line 2"
    assert what in problem.what


def test_a_list_that_is_none_is_refused(folder: Path) -> None:
    (problem,) = refused("[discord]\nshard_count = 2\nshard_ids = 1")
    assert problem.what == "[discord] shard_ids is not a list in brackets."
