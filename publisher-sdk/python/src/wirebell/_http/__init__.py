"""HTTP as the way to the bus: the services' door of a node, or of a load balancer before several."""
