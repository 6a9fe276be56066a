"""Networks in stacks, the distillation loss and its gradient, and training."""
