"""The bodies of our own operations; Segment's are in the packages beside this one."""
