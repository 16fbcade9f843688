"""One engine that trains the models of any system."""
