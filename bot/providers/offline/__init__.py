"""Work done here, without a key or a network: read, measured, recognised and spoken by programs on this machine."""
