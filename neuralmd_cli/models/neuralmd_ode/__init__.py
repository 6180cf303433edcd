"""BindingNet driving a second-order ODE."""
