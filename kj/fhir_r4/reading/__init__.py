"""What is read the same way in every resource: data types, security labels, the surroundings of a resource."""
