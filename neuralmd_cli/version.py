"""The version of neuralmd; the wheel, `--version` and every run record read it."""

VERSION = "0.1.0"
