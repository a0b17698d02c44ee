"""FHIR resources to our messages, a file a kind of resource."""
