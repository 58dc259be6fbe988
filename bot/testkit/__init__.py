"""For authors of plugins: a fixture for their tests, and a template to begin with."""
