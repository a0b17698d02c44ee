"""Serves the front door and the summary."""

import asyncio

from gateway import contract
from gateway.settings import GatewaySettings
from gateway.wiring import wire
from shared.server import new_server, observed, serve
from shared.settings import read


async def main() -> None:
    """Serves until SIGTERM: settings, telemetry, wiring, serve."""
    settings = read(GatewaySettings)
    with observed("gateway", settings):
        gateway = wire(settings)
        server = new_server(settings, front_door=True)
        server.add_generic_rpc_handlers((gateway.front_door,))
        gateway.knowledge_cache.begin()
        services, draining = contract.service_names(), gateway.changes.close
        await serve(server, settings, services, ready=_always, front_door=True, draining=draining)
        await gateway.finish(settings.drain_seconds)


async def _always() -> bool:
    """Returns True: the gateway holds nothing, so that it serves, and answers UNAVAILABLE for what it cannot reach."""
    return True


if __name__ == "__main__":
    asyncio.run(main())
