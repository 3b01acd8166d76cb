"""What the DNS says: names asked of a resolver that comes in from outside."""
