"""The same chapters as `ops`, faster: one folder a device, one file a family."""
