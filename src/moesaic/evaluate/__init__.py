"""Measuring: loss, CodeBLEU, execution, routing. Does not import train."""
