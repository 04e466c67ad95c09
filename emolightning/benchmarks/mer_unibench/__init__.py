"""MER-UniBench: nine sets in one."""
