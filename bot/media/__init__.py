"""Files of sight and sound; ffmpeg lives only here."""
