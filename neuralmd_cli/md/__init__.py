"""Numerical molecular dynamics: the reference a surrogate is judged and taught by."""
