"""AWS on the laptop: moto in server mode on loopback, mended where it is not what AWS is.

1. ``server`` serves; ``uploads`` streams the bodies of puts to disk before moto sees the request.
2. ``mends`` holds every mend of moto, one module a service, behind one guard on moto's version.
3. ``content`` and ``disk`` keep S3's objects; ``changes`` makes what one request changed durable, then announces it.
4. ``announcer`` hands S3's events to the rules of EventBridge.
"""
