"""The lab: two Kubernetes clusters with workers as hosts of their own, on one machine. Used by tests/lab/run.

One process is the lab: process 1 of namespaces of its own. Every host is process 1 of namespaces below it. Whoever ends
the lab's process ends everything; nothing of it is seen from outside, and no address of it is reached from there.
"""
