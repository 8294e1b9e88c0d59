"""What a person wishes of our messages, their devices, unsubscribing, and messages to many."""
