"""Predictors without weights, that every model is judged against."""
