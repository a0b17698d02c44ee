"""The people of the population: families, contacts, health, who treats them, what they allow."""
