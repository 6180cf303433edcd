"""BindingNet as a score, sampled by overdamped Langevin dynamics."""
