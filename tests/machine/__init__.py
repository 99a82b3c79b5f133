"""A state machine of one activation against a model of its destination that shares no rule with the product."""
