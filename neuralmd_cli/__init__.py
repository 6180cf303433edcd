"""NeuralMD: how a ligand moves in its pocket, predicted at nanosecond scale."""
