"""Lambda on the laptop: one process an execution environment, with the words and the failures of AWS.

1. ``pool`` is what callers see: it answers an invocation in an idle environment, or in a new one.
2. ``fleet`` knows which environments exist, which are idle, and who must wait for a place.
3. ``environment`` is one of them, seen from the pool: it asks, watches time, memory and death, and ends.
4. ``nursery`` has processes made, by ``zygote``: one process that imported what is heavy, and forks.
5. ``worker`` is what runs in each: it sets the scene, imports the handler (``runtime``) and answers.
6. ``scratch`` is where its temporary files lie, and how they go when it was killed.

Only 1 to 4 run in the cloud's own process. Whoever dies, and be it by ``kill -9``, takes what he made along.
"""
