"""A simulation of one's own, made an entry of a store."""
