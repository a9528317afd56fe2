"""Workers of consumer groups: what they have in their hand, and that nothing is lost when one of them dies."""
