"""Live sound as numbers: decoding, speech detection, whose turn it is. No sockets, no Discord."""
