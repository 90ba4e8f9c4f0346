"""What the end-to-end tests are made of: real processes, a visitor, a publisher, providers and a service to publish.

The modules that scripts/demo --check uses too (waiting, names, processes, forms, visitor, publisher) need nothing but
Python's standard library.
"""
