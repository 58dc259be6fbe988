"""`make bench`: what Kibitz costs and how long it takes, beside the plain recipe and beside what is possible."""
