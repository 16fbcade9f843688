"""Published tables and figures: one folder a system, one module an experiment."""
