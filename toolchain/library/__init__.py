"""Networks for other people's programs: C sources with packagings, NNoM's calls, NNoM's weights.h."""
