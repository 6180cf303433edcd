"""From the web to a local file: MISATO, whole or the complexes asked for."""
