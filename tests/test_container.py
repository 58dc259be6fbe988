"""The image and the compose file keep their promises and agree with the code: commands, settings, ports, packages."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from dotenv import dotenv_values
from typer.main import get_command

from bot.cli.image import _SBOM
from bot.cli.main import cli
from bot.config import PRESETS, Duty, Settings, load_settings
from bot.config.names import VARIABLES
from bot.discord_io.heartbeat import heartbeat_file
from bot.domain.role import Role

ROOT = Path(__file__).parent.parent
PAGES = ["docs/container.md", "docs/container.zh-CN.md"]
COMMANDS = set(getattr(get_command(cli), "commands"))  # noqa: B009 - typer's own type does not name it


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def instructions(stage: int) -> list[tuple[str, str]]:
    """The instructions of one stage of the Dockerfile, continuation lines joined."""
    joined = re.sub(r"\s*\\\n\s*", " ", text_of("Dockerfile"))
    lines = [line for line in joined.splitlines() if line and not line.startswith("#")]
    starts = [place for place, line in enumerate(lines) if line.startswith("FROM ")]
    ends = [*starts[1:], len(lines)]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines[starts[stage] : ends[stage]])]


BUILD, IMAGE = instructions(0), instructions(1)
COMPOSE: dict[str, Any] = yaml.safe_load(text_of("compose.yaml"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
BOT = SERVICES["kibitz"]
PROJECT: dict[str, Any] = tomllib.loads(text_of("pyproject.toml"))
EXTRAS = PROJECT["project"]["optional-dependencies"].keys()


def all_of(instruction: str, stage: list[tuple[str, str]] = IMAGE) -> list[str]:
    return [rest for word, rest in stage if word == instruction]


def environment() -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in shlex.split(all_of("ENV")[0]))


def interpolated(text: str, variables: dict[str, str]) -> str:
    """${NAME:-word} and ${NAME:+word}, which may hold one another, as Compose fills them in."""
    innermost = re.compile(r"\$\{(\w+):([-+])([^${}]*)\}")

    def fill(match: re.Match[str]) -> str:
        name, kind, word = match.groups()
        value = variables.get(name, "")
        return (word if value else "") if kind == "+" else value or word

    while innermost.search(text):
        text = innermost.sub(fill, text)
    assert "$" not in text
    return text


def settings_in_the_container(folder: Path, **dotenv: str) -> Settings:
    """What the bot reads there when .env holds `dotenv`."""
    given = {name: interpolated(text, dotenv) for name, text in BOT["environment"].items()}
    nowhere = folder / "config.toml"
    nowhere.touch()
    return load_settings(nowhere, environ={**environment(), **dotenv, **given}, secrets_folder=folder / "secrets")


# The image


def test_both_stages_stand_on_the_same_python_of_debian_13() -> None:
    bases = [all_of("FROM", stage)[0].split()[0] for stage in (BUILD, IMAGE)]
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.1[1-9]-slim-trixie", bases[0])


def test_dependencies_are_those_of_the_lock_and_have_a_layer_of_their_own() -> None:
    assert [rest for word, rest in BUILD if word in ("COPY", "RUN")][-2:] == [
        "pyproject.toml uv.lock ./",
        f"uv sync --frozen --no-dev --no-install-project {' '.join(f'--extra {extra}' for extra in EXTRAS)}",
    ]
    assert all_of("COPY") == ["--from=build /app/.venv .venv", ". ."]
    assert all_of("WORKDIR", BUILD) == all_of("WORKDIR") == ["/app"]
    assert environment()["PATH"].startswith("/app/.venv/bin:")


def test_uv_is_the_one_of_the_set_up() -> None:
    (in_image,) = re.findall(r"uv==([\d.]+)", text_of("Dockerfile"))
    assert f"UV_VERSION={in_image}\n" in text_of(".ci/setup")


def test_every_program_of_the_set_up_and_every_library_is_installed() -> None:
    installed = set(re.findall(r"apt-get install .*?recommends (.+?) &&", all_of("RUN")[0])[0].split())
    programs = re.search(r"^for need in (.+); do$", text_of(".ci/setup"), re.MULTILINE)
    assert programs is not None
    needed = {need.split(":")[1] for need in programs[1].split()}
    assert needed | {"ca-certificates", "libopus0", "tesseract-ocr-chi-sim"} == installed


def test_it_runs_as_nobody_who_may_change_the_program() -> None:
    words = [word for word, _ in IMAGE]
    assert all_of("USER") == ["10001:10001"]
    assert words.index("USER") > max(place for place, word in enumerate(words) if word in ("RUN", "COPY"))
    assert "useradd --uid 10001 --user-group" in all_of("RUN")[0]
    assert not any("--chown" in rest or "chmod" in rest for _, rest in IMAGE)


def test_the_volume_is_where_the_data_goes_and_belongs_to_the_user() -> None:
    (folder,) = all_of("VOLUME")
    assert environment()["KIBITZ_DATA__DIRECTORY"] == folder
    assert all_of("RUN")[0].endswith(f"install --directory --owner=kibitz --group=kibitz --mode=0700 {folder}")
    assert BOT["volumes"] == [f"kibitz-data:{folder}"]


def test_the_commands_exist_and_get_their_signals_themselves() -> None:
    assert json.loads(all_of("ENTRYPOINT")[0]) == ["python", "-m", "bot"]
    assert json.loads(all_of("CMD")[0]) == ["run"]
    assert "run" in COMMANDS
    assert all_of("STOPSIGNAL") == ["SIGTERM"]
    assert "entrypoint" not in BOT
    assert "command" not in BOT


@pytest.mark.parametrize("alive", [True, False])
def test_the_health_check_says_whether_the_bot_lives(tmp_path: Path, alive: bool) -> None:
    options, _, check = all_of("HEALTHCHECK")[0].partition(" CMD ")
    assert {option.split("=")[0] for option in options.split()} == {
        *("--interval", "--timeout", "--start-period", "--retries"),
    }
    program, *arguments = json.loads(check)
    assert program == "python"
    environ = {**os.environ, "KIBITZ_DATA__DIRECTORY": str(tmp_path)}
    if alive:
        heartbeat_file(load_settings(environ=environ)).touch()
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environ, capture_output=True, check=False)
    assert done.returncode == (0 if alive else 1)


def test_every_variable_of_the_image_is_a_setting_it_takes(tmp_path: Path) -> None:
    ours = {name for name in environment() if name.startswith("KIBITZ_")}
    assert ours | BOT["environment"].keys() <= VARIABLES.keys()
    settings = settings_in_the_container(tmp_path)
    assert settings.media.sandbox == "required"
    assert settings.media.require_patched_ffmpeg
    assert settings.data.directory == Path("/data")


def test_only_the_program_goes_in() -> None:
    rules = text_of(".dockerignore").split()
    taken = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    assert rules[0] == "*"
    assert taken == {
        *("bot", "cogs", "migrations", "config.toml", "pyproject.toml", "uv.lock", "LICENSE", ".ci/sbom.py"),
    }
    assert [name for name in taken if not (ROOT / name).exists()] == []
    assert "**/__pycache__" in rules
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {*packages, "config.toml"} <= taken
    compiled = f"python -m compileall -q {' '.join([*packages, 'migrations'])}"
    assert f"{compiled} && .venv/bin/python .ci/sbom.py > {_SBOM.name}" in all_of("RUN")


# Compose


def test_the_bot_is_locked_in() -> None:
    wanted = {
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "pids_limit": 256,
        "init": True,
        "restart": "unless-stopped",
    }
    assert {name: BOT.get(name) for name in wanted} == wanted
    assert BOT["mem_limit"] == BOT["memswap_limit"]
    assert "privileged" not in BOT
    assert "user" not in BOT


def test_temporary_files_stay_in_memory_and_hold_the_clips_of_all_running_jobs(tmp_path: Path) -> None:
    (mount,) = BOT["tmpfs"]
    path, _, options = mount.partition(":")
    assert path == "/tmp"
    assert {"noexec", "nosuid", "nodev", "size=2g"} == set(options.split(","))
    settings = settings_in_the_container(tmp_path)
    assert settings.workspace.directory is None
    assert settings.jobs.max_running * settings.discord.max_clips * settings.media.max_megabytes < 2048


def test_docker_waits_until_the_bot_has_put_its_work_down(tmp_path: Path) -> None:
    grace = int(re.fullmatch(r"(\d+)s", BOT["stop_grace_period"])[1])  # type: ignore[index] # a wrong form fails here
    assert grace >= settings_in_the_container(tmp_path).jobs.shutdown_seconds + 30


def test_only_the_bot_starts_without_a_profile_and_no_port_is_open_to_the_world() -> None:
    assert [name for name, service in SERVICES.items() if "profiles" not in service] == ["kibitz"]
    assert {profile for service in SERVICES.values() for profile in service.get("profiles", [])} == {"local"}
    assert [name for name, service in SERVICES.items() if "ports" in service or "network_mode" in service] == []


def test_the_bot_waits_for_the_models_where_they_are_and_starts_without_them_where_not() -> None:
    needs = BOT["depends_on"]
    assert needs.keys() == SERVICES.keys() - {"kibitz", "ollama"}
    assert all(need["required"] is False for need in needs.values())
    healthy = [name for name, need in needs.items() if need["condition"] == "service_healthy"]
    assert [name for name in healthy if "healthcheck" not in SERVICES[name]] == []


def test_images_of_others_are_of_one_version() -> None:
    images = [service["image"] for service in SERVICES.values() if "build" not in service]
    assert [image for image in images if not re.search(r":v?\d+\.\d+\.\d+(-cpu)?$", image)] == []
    assert SERVICES["ollama"]["image"] == SERVICES["ollama-model"]["image"]


def test_what_is_named_is_there() -> None:
    local = {"COMPOSE_PROFILES": "local"}
    mounts = {interpolated(mount, local) for service in SERVICES.values() for mount in service.get("volumes", [])}
    assert {mount.split(":")[0] for mount in mounts} == COMPOSE["volumes"].keys()
    needed = {name for service in SERVICES.values() for name in service.get("depends_on", {})}
    assert needed < SERVICES.keys()


@pytest.mark.parametrize(("key", "preset"), [("", "offline"), ("sk-test-0123456789abcdef", "balanced")])
def test_without_the_profile_the_key_decides(tmp_path: Path, key: str, preset: str) -> None:
    settings = settings_in_the_container(tmp_path, OPENAI_API_KEY=key)
    assert settings.models.preset == preset
    assert settings.transcripts.models == PRESETS[preset]["transcripts"]["models"]


@pytest.mark.parametrize("key", ["", "sk-test-0123456789abcdef"])
def test_the_profile_sends_every_role_to_a_server_beside_the_bot(tmp_path: Path, key: str) -> None:
    settings = settings_in_the_container(tmp_path, COMPOSE_PROFILES="local", OPENAI_API_KEY=key)
    assert settings.models.preset == "local"
    for role in set(Role) - {Role.EMBEDDINGS}:
        given, usual = (urlsplit(address) for address in (settings.role(role).base_url, role_of_preset(role)))
        assert SERVICES[str(given.hostname)]["profiles"] == ["local"]
        assert (given.scheme, given.port, given.path) == (usual.scheme, usual.port, usual.path)
        assert settings.role(role).api_key is None


def role_of_preset(role: Role) -> str:
    return str(PRESETS["local"][role.value]["base_url"])


def test_the_servers_have_the_models_they_are_asked_for(tmp_path: Path) -> None:
    settings = settings_in_the_container(tmp_path, COMPOSE_PROFILES="local")
    pulled = SERVICES["ollama-model"]["entrypoint"]
    assert pulled[:2] == ["ollama", "pull"]
    assert settings.captions.models == settings.chat.models == tuple(pulled[2:])
    assert list(settings.transcripts.models) == json.loads(SERVICES["speaches"]["environment"]["PRELOAD_MODELS"])
    assert settings.transcripts.models[0] == PRESETS["local"]["transcripts"]["models"][0]


def test_the_servers_are_asked_where_they_listen() -> None:
    ports = {str(urlsplit(role_of_preset(role)).port) for role in Role}
    asked = {
        *re.findall(r":(\d+)/health", text_of("compose.yaml")),
        str(urlsplit(SERVICES["ollama-model"]["environment"]["OLLAMA_HOST"]).port),
    }
    assert asked == ports


def test_what_stands_in_the_file_of_the_operator_wins(tmp_path: Path) -> None:
    own = {"KIBITZ_CHAT__BASE_URL": "http://gpu.example:11434/v1", "KIBITZ_TRANSCRIPTS__MODELS": "my-whisper"}
    settings = settings_in_the_container(tmp_path, COMPOSE_PROFILES="local", **own)
    assert settings.chat.base_url == "http://gpu.example:11434/v1"
    assert settings.captions.base_url == "http://ollama:11434/v1"
    assert settings.transcripts.models == ("my-whisper",)
    named = settings_in_the_container(tmp_path, KIBITZ_MODELS__PRESET="offline", OPENAI_API_KEY="sk-0123456789abcdef")
    assert named.models.preset == "offline"


def test_the_file_to_copy_has_two_lines_to_fill_in() -> None:
    lines = text_of(".env.example").splitlines()
    assert [line for line in lines if not line.startswith("#")] == ["DISCORD_TOKEN=", "OPENAI_API_KEY="]
    assert len(lines) <= 4
    assert BOT["env_file"] == ".env"
    assert dotenv_values(ROOT / ".env.example").keys() <= VARIABLES.keys()


# PostgreSQL beside the bot


def test_the_bot_is_told_of_the_postgresql_that_stands_beside_it(tmp_path: Path) -> None:
    beside: dict[str, Any] = yaml.safe_load(text_of("compose.postgres.yaml"))
    server = beside["services"]["postgres"]
    bot = beside["services"]["kibitz"]
    needed = re.compile(r"\$\{POSTGRES_PASSWORD:\?[^}]+\}")
    url = needed.sub("secret7", bot["environment"]["KIBITZ_DATA__URL"])
    settings = settings_in_the_container(tmp_path, KIBITZ_DATA__URL=url, POSTGRES_PASSWORD="secret7")
    assert settings.data.url is not None
    parts = urlsplit(settings.data.url.get_secret_value())
    told = {name: needed.sub("secret7", text) for name, text in server["environment"].items()}
    assert parts.hostname in beside["services"]
    assert told == {"POSTGRES_USER": parts.username, "POSTGRES_PASSWORD": parts.password, "POSTGRES_DB": parts.path[1:]}
    assert bot["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert "ports" not in server
    assert re.fullmatch(r"postgres:\d+\.\d+", server["image"])
    assert {mount.split(":")[0] for mount in server["volumes"]} == beside["volumes"].keys()
    assert all(f"`{name}`" in text_of(page) for name in beside["volumes"] for page in PAGES)


# Several processes


def test_a_gateway_and_workers_are_told_of_the_same_database() -> None:
    scaled: dict[str, Any] = yaml.safe_load(text_of("compose.scale.yaml"))["services"]
    beside: dict[str, Any] = yaml.safe_load(text_of("compose.postgres.yaml"))["services"]
    worker, gateway = scaled["worker"], scaled["kibitz"]
    assert gateway["command"] == ["run", "--role", "gateway"]
    assert worker["command"] == ["run", "--role", "worker"]
    assert {Duty(process["command"][2]) for process in (gateway, worker)} == {Duty.GATEWAY, Duty.WORKER}
    assert worker["extends"] == {"file": "compose.yaml", "service": "kibitz"}
    assert worker["environment"] == beside["kibitz"]["environment"]
    assert worker["volumes"] == all_of("VOLUME"), "a folder of its own for each"
    assert worker["deploy"] == {"replicas": "${KIBITZ_WORKERS:-2}"}
    needed = {name: need.get("required", True) for name, need in worker["depends_on"].items()}
    assert needed == {"postgres": True, "redis": False}
    assert [name for name in needed if "healthcheck" not in {**beside, **scaled}[name]] == []
    assert scaled["redis"]["profiles"] == ["redis"]
    assert re.fullmatch(r"redis:\d+\.\d+\.\d+", scaled["redis"]["image"])
    assert [name for name, service in scaled.items() if "ports" in service] == []
    for page in ("docs/scaling.md", "docs/scaling.zh-CN.md"):
        named = set(re.findall(r"\bKIBITZ_\w+", text_of(page)))
        assert named - {"KIBITZ_WORKERS"} <= VARIABLES.keys()


# The client of Docker, where there is one


def compose_config(folder: Path, *options: str, profiles: str) -> subprocess.CompletedProcess[str]:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("there is no docker compose here")
    shutil.copy(ROOT / "compose.yaml", folder)
    (folder / ".env").write_text(text_of(".env.example") + f"COMPOSE_PROFILES={profiles}\n")
    argv = [docker, "compose", *options, "config", "--format", "json"]
    return subprocess.run(argv, cwd=folder, capture_output=True, check=False, text=True)


@pytest.mark.parametrize("profiles", ["", "local"])
def test_docker_reads_the_file_as_we_do(tmp_path: Path, profiles: str) -> None:
    services = json.loads(compose_config(tmp_path, profiles=profiles).stdout)["services"]
    assert services.keys() == (SERVICES.keys() if profiles else {"kibitz"})
    given = services["kibitz"]["environment"]
    ours = {name: interpolated(text, {"COMPOSE_PROFILES": profiles}) for name, text in BOT["environment"].items()}
    assert {name: given[name] for name in ours} == ours


def test_docker_never_starts_the_servers_beside_a_bot_that_does_not_know_them(tmp_path: Path) -> None:
    done = compose_config(tmp_path, "--profile", "local", profiles="")
    if done.returncode == 0:
        assert json.loads(done.stdout)["services"]["kibitz"]["environment"]["KIBITZ_MODELS__PRESET"] == "local"
    else:
        assert "COMPOSE_PROFILES-must-be-set" in done.stderr


# The page


@pytest.mark.parametrize("page", PAGES)
def test_the_page_names_what_exists(page: str) -> None:
    text = text_of(page)
    assert set(re.findall(r"\bpython -m bot (\w+)", text)) <= COMMANDS
    assert set(re.findall(r"\b(KIBITZ_\w+)", text)) <= VARIABLES.keys()
    verbs = "up|stop|start|restart|logs|exec|run|down"
    named = re.findall(rf"docker compose (?:{verbs})\b[^\n|]*? (kibitz|ollama|speaches|kokoro)\b", text)
    assert named
    assert set(named) <= SERVICES.keys()
    assert f"`{BOT['mem_limit']}`" in text
    assert all(f"`{name}`" in text for name in COMPOSE["volumes"])
