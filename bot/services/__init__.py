"""What the bot can do for someone; no Discord, no SQL, no SDK."""
