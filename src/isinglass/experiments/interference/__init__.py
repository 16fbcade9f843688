"""Tang 2020: what of it is run again."""
