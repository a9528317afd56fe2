"""What every transport to the bus offers, and the id and time that an event gets before its first attempt."""
