"""The systems one can simulate with: BindingNet joined to a kind of dynamics."""
