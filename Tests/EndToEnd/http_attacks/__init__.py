"""What hostile visitors and hostile services send over HTTP, against one edge.

Behind the edge is a strict origin, published through a real tunnel, that keeps every byte. Of each attack either
nothing reaches it, or exactly the requests that the case names, in canonical form.
"""
