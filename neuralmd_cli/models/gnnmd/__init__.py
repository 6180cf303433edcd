"""BindingNet predicting the next snapshot from this one, again and again."""
