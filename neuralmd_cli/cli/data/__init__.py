"""`neuralmd data`: one module per command, joined in `group`."""
