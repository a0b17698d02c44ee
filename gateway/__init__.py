"""The one door: every call from outside takes the same six steps here, and each step has one room.

1. the trace and the deadline       `front_door`
2. who calls, on which basis        `front_door` asks `access/tokens` (and `access/claims`, `access/jwks`); then
                                    `admission` says whether there is room, and `request_bytes` takes the request
3. whom the call is about           `requests` reads it, `registers/patient_lookup` asks the patients service
4. may they                         `access/policy` decides on `access/facts`, by the table in `access/rules`; on
                                    machines by the operator's table, `access/clients`, and what they say in whose name
                                    by `stated_sources`
                                    (whether single entries are restricted: `restricted_entries` asks the registers)
5. audit                            `audit_records` builds the records, `recorder` makes them durable
6. release                          `steps.fresh`: only on facts that are fresh (`shared/block_promise`)

`steps` puts 3 to 6 in order around the work, and `decided_call` is the call on its way through them. The work itself:

`forwarding/`   rpcs that services serve: reads, writes, and the streams of documents and feeds
`summary/`      the summary of all registers, the indicator, the check of a medicine
`changes/`      followers of what changes
`safety/`       the checks of medicines, without I/O, and the knowledge that they check against
`registers/`    how registers are asked: which there are (`registers/sources`), by which channels
                (`registers/backends`), and what becomes of their failures (`registers/refusals`)
`reconstruction` reads anew for an auditor what an access was shown
`texts/`        what the gateway says itself, by code and language

`quota` limits how many patients' status is asked for, and `sweeps` notices who asks about those whom they do not treat.
`contract` holds what the descriptors say of each rpc, `settings` what the operator says, and `wiring` puts the parts
together for `__main__`. `access/` does no I/O but for the issuer's keys.
"""

import os

# Lines of grpc itself, one for each call of anybody that it refuses, without a bound. Before it is loaded.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
