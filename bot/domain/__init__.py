"""Values and errors of Kibitz; standard library only."""
