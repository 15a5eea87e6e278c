"""Workspaces in an object store, ``output: s3://...`` or ``gs://...``, with a folder on each machine to work in."""
