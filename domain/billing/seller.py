"""Who sells: what an invoice says of us, and the currency of `courses.price`."""

import msgspec


class Seller(msgspec.Struct, frozen=True, rename="camel"):
    """The seller, from the settings; `state` decides between CGST + SGST and IGST."""

    name: str
    address: str
    state: str
    gstin: str
    default_currency: str
