"""How a message calls us, and what it says besides."""

import re

import discord


def mentions_us(message: discord.Message, us: discord.abc.User | None) -> bool:
    """By name, or by the role that came with the invitation, which lists offer beside the name."""
    ours = message.guild.self_role if message.guild else None
    return us in message.mentions or (ours is not None and ours in message.role_mentions)


def words_of(message: discord.Message, us: discord.abc.User | None) -> str | None:
    """Its words without the call to us; None without any."""
    text = message.content
    if us is not None:
        text = re.sub(rf" *<@!?{us.id}> *", " ", text)
    ours = message.guild.self_role if message.guild else None
    if ours is not None:
        text = re.sub(f" *{ours.mention} *", " ", text)
    return text.strip() or None
