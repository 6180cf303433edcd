"""BindingNet evaluated many times in one pocket: the same numbers, sooner."""
