"""How events get to the bus: tries, their order, and the buffer behind `enqueue`. Nothing here opens a socket."""
