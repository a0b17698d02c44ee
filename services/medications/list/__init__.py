"""The patient's medication list (PLL): reading it, sending it whole, proposals to change it."""
