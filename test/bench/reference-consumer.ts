/**
 * A consumer as the reference's is in its default mode (reference.md B.1, E.2), around the published Python packages: it reads
 * a batch, groups it by route, looks up route, processor and provider, lets the package store the rows, and acks. It knows none
 * of the rules itself.
 */
export const referenceConsumer = String.raw`
import asyncio
import json
import logging
import os
import sys

# The packages print and log while they are imported; the line that says it is ready is all that this output holds.
output, sys.stdout = sys.stdout, open(os.devnull, "w")
logging.disable(logging.CRITICAL)

import nats
from nats.errors import TimeoutError as NothingWaits
from ismdb.postgres_storage_class import PostgresDatabaseStorage

storage = PostgresDatabaseStorage(database_url=os.environ["DATABASE_URL"], incremental=True)
batch_size = int(os.environ["BATCH_SIZE"])


def store(route_id, entries):
    [route] = storage.fetch_processor_state_route(route_id=route_id)
    processor = storage.fetch_processor(processor_id=route.processor_id)
    provider = storage.fetch_processor_provider(id=processor.provider_id)
    scope = {"route_id": route_id, "provider": provider, "processor": processor, "processor_state": route}
    storage.append_state_data_direct(state_id=route.state_id, query_states=entries, scope_variable_mappings=scope)


async def main():
    client = await nats.connect(os.environ["MSG_URL"])
    consumer = await client.jetstream().pull_subscribe("", durable="reference", stream=os.environ["STREAM"])
    output.write("ready\n")
    output.flush()
    while True:
        try:
            messages = await consumer.fetch(batch_size, timeout=1)
        except (NothingWaits, asyncio.TimeoutError):
            continue
        groups = {}
        for message in messages:
            content = json.loads(message.data)
            groups.setdefault(content["route_id"], []).extend(content["query_state"])
        for route_id, entries in groups.items():
            store(route_id, entries)
        for message in messages:
            await message.ack()


asyncio.run(main())
`;
