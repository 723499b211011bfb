"""The HTTP edge, over small real fakes of the rest of the house."""
