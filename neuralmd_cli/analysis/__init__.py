"""From a trajectory to numbers a chemist can judge it by."""
