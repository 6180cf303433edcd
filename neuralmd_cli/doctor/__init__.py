"""Is this installation able to do what it should?"""
