"""What `kj` sends to a gateway as a national feed would: bundles, populations, drug knowledge."""
