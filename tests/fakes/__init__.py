"""Stand-ins for hired work that answer from a script; they pass the same contract suites as the real adapters."""
