"""Figures of an analysis as PNG, SVG or PDF; needs the extra `neuralmd[plot]`.

Colours are told apart without colour vision and in grey print (Okabe & Ito 2008).
"""
