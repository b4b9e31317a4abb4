"""The timing core: runs AVR code with exact cycle counts of the AVRxt or the classic core."""
