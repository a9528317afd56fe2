"""Waiting and asking: the one seam between what is decided and how a program waits for it.

All that decides is written once, as coroutines over this seam. Under asyncio they are awaited. Where a program
blocks, their waiting blocks as well, so that they come to their end without ever being suspended.
"""
