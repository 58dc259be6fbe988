"""The adapters of hired work, tested over loopback sockets."""
