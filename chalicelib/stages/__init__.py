"""The journey of a run, one file a stage, one public function each.

======== ============================== =====================================================================
plan     run -> Plan                    decide everything: objects, dialect, types, columns; or find a duplicate
extract  Plan -> Manifest               count the records of each object, independently of the engine
transform batch -> Transformed          one engine pass: cast, steps, record rules; clean records to a sink
load     batch -> staging               clean records into the run's staging table (when publish cannot take them)
publish  staging or stream -> Published one transaction: ledger, data, run rules, the law, the table's hash
record   outcome -> Run                 the run's final status, counts and rejects into the run log
======== ============================== =====================================================================

In one process transform writes into publish's COPY (or load's) directly; in Lambdas an object stands between them.
``chalicelib.journey`` chains them in one process, the state machine does on AWS and in the local cloud.
"""
