"""Workspaces in an object store, ``output: s3://...`` or ``gs://...``, with a local folder on each machine."""
