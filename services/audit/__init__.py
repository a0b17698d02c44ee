"""The access log: who opened or changed which record, when, why, and exactly what they were shown.

Source: the gateway alone writes it, before anything is released. Citizens read their own part, auditors their
organisation's. Append-only: no role can change or remove what stands here, and there is no switch that turns it off.

What is lost if the process dies: records that wait for their commit. Nobody was answered that they are safe, and
nothing was released on them.

A record is split in two. `content` is its bytes without the fields that name persons; `personal` is those. Later the
first is what a hash tree is built over, with a salted commitment to the second, so that persons can be erased when the
law says so and every proof still holds.

One coordinator row gives out indices, so this database cannot be spread over shards as the registers can. A commit
carries everything that waited for it, which is what makes one row fast enough.
"""
