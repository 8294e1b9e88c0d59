"""What a workflow may do to the world: one class per capability, its clients injected."""
