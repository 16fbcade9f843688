"""What a run shows: tables and progress in the terminal, and the HTML report."""
