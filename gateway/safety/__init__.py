"""Safety checks: medicines against allergies, other medicines, the same treatment twice, and critical conditions.

Here, since the gateway alone sees critical information and medicines together. Pure functions over what was fetched and
released: no I/O, no clock. What is known of medicines is data (`knowledge`), loaded into the medications service. A
check that could not be made, and a substance that is not known, are said: no finding means nothing without that.

Not a medical device: findings inform, and decide nothing.
"""
