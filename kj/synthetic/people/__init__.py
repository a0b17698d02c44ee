"""Who lives there: families, their contacts, their health, who treats them, what they allow."""
