"""One folder a paper or a family of papers; none imports another."""
