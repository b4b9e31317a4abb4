"""``./scons new=NAME data=FILE``: a first manifest for a file of the user's own, every guess shown."""
