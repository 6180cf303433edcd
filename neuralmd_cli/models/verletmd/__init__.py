"""BindingNet as an energy, its forces moving the ligand by velocity Verlet."""
