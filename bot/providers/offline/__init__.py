"""Adapters that need no network: Tesseract, Pillow, pocketsphinx, flite."""
