"""Relations: the SELECT that steps and rules build on, the names and expressions in it. Pure."""
