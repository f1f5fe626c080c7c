"""AWS: the only boto3, behind ports. ``events`` alone knows the shapes of what AWS sends."""
