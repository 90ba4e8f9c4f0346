"""Programs that people publish, as they are, through login and tunnel, driven by the clients that people use."""
