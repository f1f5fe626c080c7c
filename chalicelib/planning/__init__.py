"""Planning: how an object is read, and which of its columns go where. Pure decisions on samples and shapes.

``reading`` decides encoding, dialect and types, ``columns`` holds the data's columns against the table's contract,
``notes`` says what a person should see. ``stages.plan`` makes a plan of it.
"""
