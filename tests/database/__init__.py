"""Tests of the database room; `material` makes values for the rooms above it, too."""
