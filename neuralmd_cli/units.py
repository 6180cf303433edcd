"""Å, ps, amu, K inside the package; every conversion at a file boundary.

Force is amu Å ps⁻², energy amu Å² ps⁻².
"""

ANGSTROM_PER_NM = 10.0
PS_PER_NS = 1000.0
PS_PER_AKMA = 0.04888821
"""One AKMA time unit (the time unit of a DCD header) in ps."""
BOLTZMANN = 0.831446262
"""k in amu Å² ps⁻² K⁻¹."""
KCAL_PER_MOL = 418.4
"""1 kcal/mol in amu Å² ps⁻²."""
