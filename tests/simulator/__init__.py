"""Servers on the loopback that the unmodified clients talk to."""
