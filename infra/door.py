"""The door's numbers: how often a message is tried, and how often the sweep looks. CDK and the laptop read them."""

#: A message is tried so often, then it lies in the dead-letter queue.
RECEIVE_LIMIT = 5
#: A message that a crashed intake left comes again after so long: six times intake's time limit, as AWS advises.
VISIBILITY_S = 360
#: Messages that intake gets at once, at most: objects that arrive together become few runs.
BATCH = 100
#: How long AWS gathers a batch; the laptop takes what is there.
GATHER_S = 1
#: What was left behind is looked for so often.
SWEEP_MINUTES = 5
