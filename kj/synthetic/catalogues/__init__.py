"""What the population is drawn from: illnesses, medicines, vaccines, analyses, names, municipalities."""
