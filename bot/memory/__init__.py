"""What is remembered of clips, conversations and places. Rows never leave this room."""
