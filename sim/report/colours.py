"""The colours of figures and of charts on pages."""

# Okabe and Ito's palette: distinct for colour-blind readers, and in grey where neighbours touch.
BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, RED, PURPLE = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
)
FAN = ("#E3EFF8", "#C2DDF0", "#8FC3E3")
"""Shades of one blue for bands around a median, the outermost first."""
