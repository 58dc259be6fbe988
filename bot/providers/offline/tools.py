"""What of the offline tools is installed, for `doctor`."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.errors import ProviderError
from bot.domain.role import Role
from bot.providers.offline.process import ESPEAK, FLITE, TESSERACT, Tool
from bot.providers.offline.reading import installed_languages, language_package


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineTool:
    """One program or language of the offline providers. `package` is Debian's, `brew` Homebrew's."""

    role: Role
    name: str
    present: bool
    package: str
    brew: str


async def offline_tools(languages: Sequence[str] = ("eng",)) -> tuple[OfflineTool, ...]:
    """The programs, then Tesseract's languages: those asked for, and the others it has. Speech is recognised by a
    Python package and needs no tool."""
    try:
        installed = set(await installed_languages()) - {"osd"}
    except ProviderError:
        installed: set[str] = set()
    return (
        _tool(Role.CAPTIONS, TESSERACT),
        *(
            OfflineTool(
                role=Role.CAPTIONS,
                name=f"tesseract: {language}",
                present=language in installed,
                package=language_package(language),
                brew="tesseract-lang",
            )
            for language in dict.fromkeys([*languages, *sorted(installed)])
        ),
        _tool(Role.SPEECH, FLITE),
        _tool(Role.SPEECH, ESPEAK),
    )


def _tool(role: Role, tool: Tool) -> OfflineTool:
    return OfflineTool(
        role=role, name=tool.program, present=tool.path() is not None, package=tool.package, brew=tool.brew
    )
