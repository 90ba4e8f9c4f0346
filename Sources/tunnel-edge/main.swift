print("tunnel-edge")
