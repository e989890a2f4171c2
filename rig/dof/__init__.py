"""The depth-of-field calculator behind ``rig dof``: a set-up in, everything that optics says about it out.

`request` reads what was asked, `resolve` adds what configuration and tables know, `report` works it out,
`compare` and `plot` vary it.
"""
