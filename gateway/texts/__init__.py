"""What the gateway says itself: each text once, as data by its code, in the languages of `languages`.

`catalogue` joins the tables of the other files and puts texts into replies.
"""
