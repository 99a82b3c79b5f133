"""Bodies of the operations that this service adds to Segment's."""
