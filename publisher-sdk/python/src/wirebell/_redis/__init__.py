"""Redis as the bus: one server, one behind sentinels, or a Cluster.

One server is the case of one primary that has all slots. After a failure that says that a server is no longer the
right one, all is forgotten, and the next request finds out anew where the data are.
"""
