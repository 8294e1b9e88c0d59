"""What must be true afterwards, by everybody's own books: of one order, and of the whole house."""
