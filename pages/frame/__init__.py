"""What every page shares: the frame around it, its controls and the live boundary view."""
