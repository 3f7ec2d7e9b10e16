"""The tables, in an order in which each comes after those it refers to."""

from __future__ import annotations

from reviva.models.audit import Audit, AuditHead, AuditSeal
from reviva.models.base import Base
from reviva.models.booking import Booking, BookingHistory, BookingItem, BookingSlot, IdempotencyKey
from reviva.models.catalog import Brand, Category, DeviceModel, RepairPrice, RepairType
from reviva.models.customer import Customer
from reviva.models.event import Event, LiveSession
from reviva.models.notification import Notification, NotificationPreference
from reviva.models.pricing import MarketFactor, PricingRule
from reviva.models.shop import Bench, Closure, Hours, Shop
from reviva.models.statement import StatementCount
from reviva.models.summary import DayFigure, DayTotal
from reviva.models.user import OneTimeToken, Session, Throttle, User
from reviva.models.webhook import WebhookDelivery, WebhookEndpoint

TABLES: tuple[type[Base], ...] = (
    User, Session, OneTimeToken, Throttle, Customer,
    Shop, Hours, Closure, Bench,
    Category, Brand, DeviceModel, RepairType, RepairPrice,
    MarketFactor, PricingRule,
    Booking, BookingItem, BookingSlot, BookingHistory, IdempotencyKey,
    Notification, NotificationPreference,
    Event, LiveSession, WebhookEndpoint, WebhookDelivery,
    Audit, AuditSeal, AuditHead,
    StatementCount, DayFigure, DayTotal,
)  # fmt: skip

__all__ = [
    "TABLES",
    "Audit",
    "AuditHead",
    "AuditSeal",
    "Base",
    "Bench",
    "Booking",
    "BookingHistory",
    "BookingItem",
    "BookingSlot",
    "Brand",
    "Category",
    "Closure",
    "Customer",
    "DayFigure",
    "DayTotal",
    "DeviceModel",
    "Event",
    "Hours",
    "IdempotencyKey",
    "LiveSession",
    "MarketFactor",
    "Notification",
    "NotificationPreference",
    "OneTimeToken",
    "PricingRule",
    "RepairPrice",
    "RepairType",
    "Session",
    "Shop",
    "StatementCount",
    "Throttle",
    "User",
    "WebhookDelivery",
    "WebhookEndpoint",
]
