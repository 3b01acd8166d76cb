"""What comes back, taken in: whose it is, what it means, who leaves by it."""
