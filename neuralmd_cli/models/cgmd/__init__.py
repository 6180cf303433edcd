"""A BindingNet that predicts the next snapshot, and a second that denoises it."""
