"""The values the NeuralMD paper publishes, as data: to stand beside a score."""
