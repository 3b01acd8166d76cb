"""How editions and mailbox providers did over time, and how the list grew."""
