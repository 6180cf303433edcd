"""The command line: options in, one library call, one answer out."""
