"""An edition looked through before it goes: what a spam filter, a phone and a slow line will make of it."""
