"""Countries and states as far as tax needs them."""

# fmt: off
INDIAN_STATES = frozenset({
    "AN", "AP", "AR", "AS", "BR", "CG", "CH", "DH", "DL", "GA", "GJ", "HP", "HR", "JH", "JK", "KA", "KL", "LA", "LD",
    "MH", "ML", "MN", "MP", "MZ", "NL", "OD", "PB", "PY", "RJ", "SK", "TN", "TR", "TS", "UK", "UP", "WB",
})
# fmt: on
"""State and territory codes as the GST network uses them on returns; they decide between CGST + SGST and IGST."""
