"""What is read or changed inside the network. One method, one file."""
