"""KServe's own client, one question at a time."""

import asyncio

from kserve.inference_client import InferenceRESTClient, RESTConfig


def ask(protocol, service, question, *arguments, **options):
    """The answer to one question by a protocol, `v1` or `v2`, on a connection of its own."""

    async def answer():
        async with InferenceRESTClient(RESTConfig(protocol=protocol, retries=0)) as client:
            return await getattr(client, question)(f"http://{service.address}", *arguments, **options)

    return asyncio.run(answer())
