"""From media to understanding to answer: stages, not vendors."""
