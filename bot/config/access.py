"""Settings of who may use the bot at all: which servers, which people, in direct messages."""

from typing import Annotated, Literal

from pydantic import Field

from bot.config.fields import Section

Snowflake = Annotated[int, Field(gt=0, lt=2**63)]


class AccessSettings(Section):
    allowed_server_ids: tuple[Snowflake, ...] = Field(default=(), description="Servers that may use the bot; []: all")
    blocked_server_ids: tuple[Snowflake, ...] = Field(
        default=(), description="Servers that may not, besides those of /admin block"
    )
    allowed_person_ids: tuple[Snowflake, ...] = Field(
        default=(), description="People who may use the bot; []: all. Whoever runs it always may"
    )
    blocked_person_ids: tuple[Snowflake, ...] = Field(
        default=(), description="People who may not, besides those of /admin block"
    )
    dms: Literal["everyone", "members", "nobody"] = Field(
        default="everyone",
        description="Who is answered in direct messages and where the bot was added to an account: everyone, members "
        "(of a server it is in) or nobody; of strangers nothing is kept",
    )
    leave_refused_servers: bool = Field(
        default=False, description="Leave servers that may not use it; what was kept of them is forgotten"
    )
