"""The tables and a figure of the paper, made anew: trained, scored, set beside it."""
