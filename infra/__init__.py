"""What runs where: the functions table and the state machine, as data for CDK and for the laptop, and the CDK app."""
