"""BindingNet driving a second-order SDE."""
