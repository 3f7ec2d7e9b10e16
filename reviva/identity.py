"""How people are told apart: e-mail addresses, telephone numbers and addresses of their machines, in the one form in
which they are compared."""

from __future__ import annotations

import unicodedata
from ipaddress import ip_address, ip_network

from reviva.errors import Invalid


def email_key(email: str) -> str:
    """An address as it is compared: without case, compatibility forms and characters that can't be seen.

    Mail always goes to the address that was stored, never to one that merely compares equal to it.
    """
    if email.isascii() and email.isprintable():  # most are, and need none of the rest
        return email.lower().replace(" ", "")
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", email).casefold())
    seen = "".join(letter for letter in folded if unicodedata.category(letter)[0] not in "CZ")
    return seen if seen == email else email_key(seen)  # what can't be seen may have kept a letter and its accent apart


def e164(phone: str, region: str, field: str = "phone") -> str:
    """A telephone number as E.164; one without a prefix is of `region` (ISO 3166-1). Raises `Invalid`."""
    import phonenumbers  # its tables take a while to load, and most commands need none

    try:
        number = phonenumbers.parse(phone, region)
    except phonenumbers.NumberParseException:
        raise Invalid.field(field, "must be a telephone number", "phone") from None
    if not phonenumbers.is_possible_number(number):
        raise Invalid.field(field, "this telephone number can't exist", "phone")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def household(address: str) -> str:
    """What one client can't leave by choosing another address: an IPv4 address, or an IPv6 network of 64 bits."""
    if ":" not in address:
        return address
    try:
        known = ip_address(address)
        mapped = getattr(known, "ipv4_mapped", None)
        return str(mapped or ip_network(f"{known}/64", strict=False))
    except ValueError:
        return address


def is_public(address: str) -> bool:
    """Whether this is an address of the internet, and of nobody in the same house or on the same machine."""
    try:
        return ip_address(address.partition("/")[0]).is_global
    except ValueError:
        return False
