"""The cloud on the laptop: AWS, the Lambdas, the queue's poller and the API, in one process on loopback.

1. ``process`` is that process: it starts the parts in their order, says where they are, and stops them.
2. ``resources`` makes what CDK deploys, from the same functions table and the same state machine, through boto3.
3. ``poller`` hands the queue's messages to intake, as Lambda's event source mapping does.
4. ``address`` is what clients read: where the cloud is, and the token that opens its API.
"""
