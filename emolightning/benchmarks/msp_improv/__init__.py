"""MSP-IMPROV: twelve actors in six sessions."""
