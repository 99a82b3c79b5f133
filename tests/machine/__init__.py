"""A state machine of one activation, checked against a model of its destination that shares no code with the product."""
