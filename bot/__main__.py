"""`python -m bot …`."""

import gc

gc.disable()  # loading makes many objects and no garbage; collecting meanwhile costs a quarter of the start

from bot.cli.main import main  # noqa: E402  # after the line above

gc.freeze()
gc.enable()

if __name__ == "__main__":
    main()
