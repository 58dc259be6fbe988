"""What every provider of a Protocol must do, the doubles included."""
