"""What steers a step. One method, one file."""
