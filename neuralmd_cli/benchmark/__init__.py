"""Systems scored against recorded trajectories, beside the predictors to beat."""
